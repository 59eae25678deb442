// Classifies a picture at the edge: POST its RGB or RGBA bytes, get the five most probable classes. In a page:
//
//   const { width, height, data } = context.getImageData(0, 0, canvas.width, canvas.height);
//   await fetch(`${url}?width=${width}&height=${height}`, { method: "POST", body: data });
//
// An edge worker reads no files, so what the network needs are modules of the worker. Run `npm install convzoo` in this
// folder, then `npx wrangler dev` (wrangler.toml says how .safetensors files become modules).
import { load } from "convzoo";
import wasm from "convzoo/wasm/simd128.wasm";
import weights from "convzoo/weights/squeezenet1_1.safetensors";

/** Loaded with the first request, and kept for those that follow. */
let model;

// biome-ignore lint/style/noDefaultExport: this is where the runtime looks for a worker
export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    const [width, height] = ["width", "height"].map((name) => Number(searchParams.get(name)));
    const data = new Uint8Array(await request.arrayBuffer());
    try {
      model ??= await load("squeezenet1_1", { wasm, weights });
      return Response.json(await model.classify({ width, height, data }));
    } catch ({ code, message }) {
      // Pixels that do not fit the size are the sender's mistake; every error says which it is.
      return Response.json(
        { code, message },
        { status: code === "bad-image" || code === "too-large" ? 400 : 500 },
      );
    }
  },
};
