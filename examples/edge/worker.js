// Classifies a picture at the edge: POST a PNG or BMP file, get the five most probable classes.
//
// An edge worker reads no files, so what the network needs are modules of the worker. Run `npm install convzoo` in this
// folder, then `npx wrangler dev` (wrangler.toml says how .safetensors files become modules).
import { load } from "convzoo";
import wasm from "convzoo/wasm/simd128.wasm";
import weights from "convzoo/weights/squeezenet1_1.safetensors";

/** Loaded with the first request, and kept for those that follow. */
let model;

export default {
  async fetch(request) {
    if (request.method !== "POST") return new Response("POST a PNG or BMP file.\n", { status: 405 });
    try {
      model ??= load("squeezenet1_1", { wasm, weights });
      const top = await (await model).classify(await request.arrayBuffer());
      return Response.json(top);
    } catch (error) {
      // Every error of the package has a code; those of an image are the sender's.
      const status = error.code === "bad-image" || error.code === "too-large" ? 400 : 500;
      return Response.json({ code: error.code, message: error.message }, { status });
    }
  },
};
