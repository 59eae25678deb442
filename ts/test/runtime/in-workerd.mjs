/** Runs smoke.mjs in workerd, where all that it reads are modules of the worker. */
import * as convzoo from "convzoo";
import wasm from "convzoo/wasm/simd128.wasm";
import lenet5 from "convzoo/weights/lenet5.safetensors";
import squeezenet1_1 from "convzoo/weights/squeezenet1_1.safetensors";
import digit from "digit.png";
import photo from "photo.png";
import { smoke } from "smoke.mjs";

export default {
  async fetch() {
    try {
      const given = {
        lenet5: { wasm, weights: lenet5, labels: [..."0123456789"] },
        squeezenet1_1: { wasm, weights: squeezenet1_1 },
      };
      return Response.json(await smoke(convzoo, { ...given, digit, photo, threads: 4 }));
    } catch (error) {
      return new Response(error.stack, { status: 500 });
    }
  },
};
