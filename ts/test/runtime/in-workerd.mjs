/** Runs smoke.mjs in workerd, where all that it reads are modules of the worker. */
import * as convzoo from "convzoo";
import wasm from "convzoo/wasm/simd128.wasm";
import squoosh_png from "convzoo/wasm/squoosh_png.wasm";
import lenet5 from "convzoo/weights/lenet5.safetensors";
import squeezenet1_1 from "convzoo/weights/squeezenet1_1.safetensors";
import digit from "digit.json";
import fixtures from "fixtures.json";
import photo from "photo.json";
import seven from "seven.png";
import { smoke } from "smoke.mjs";

/** Pixels as a module can hold them. */
const pixels = ({ data, ...size }) => ({ ...size, data: Uint8Array.from(data) });

// biome-ignore lint/style/noDefaultExport: this is where the runtime looks for a worker
export default {
  async fetch() {
    try {
      const given = {
        lenet5: { wasm, weights: lenet5, labels: [..."0123456789"] },
        squeezenet1_1: { wasm, weights: squeezenet1_1 },
      };
      const report = await smoke(convzoo, {
        ...given,
        digit: pixels(digit),
        photo: pixels(photo),
        fixtures,
        threads: 4,
      });
      const { data } = await convzoo.decode(seven, { wasm, decoders: { squoosh_png } });
      const want = pixels(digit).data;
      report.decoded = data.length === want.length && data.every((byte, i) => byte === want[i]);
      const encoded = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16);
      report.encoded = await convzoo
        .preprocess(encoded, {})
        .catch(({ code, message }) => ({ code, message }));
      return Response.json(report);
    } catch (error) {
      return new Response(error.stack, { status: 500 });
    }
  },
};
