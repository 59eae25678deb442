/** ONNX files: as checkpoints, as networks, and those networks made fully convolutional. */
import { convolutionize } from "../../../src/convolutionize.js";
import { isConvzooError } from "../../../src/errors.js";
import { lower } from "../../../src/graph.js";
import type { Net } from "../../../src/layers.js";
import { readOnnx } from "../../../src/onnx/index.js";
import { readOnnxWeights } from "../../../src/onnx/weights.js";
import { stateShapes } from "../../../src/state.js";
import { inMemory } from "../../../src/weights/bytes.js";
import { onnxBytes, onnxCases } from "../../onnx-cases.js";
import { damaged } from "../mutate.js";
import type { Target } from "../target.js";

const files = onnxCases.map(({ name }) => onnxBytes(name));

/** The net's convolutional forms, where it has some. */
function transform(net: Net): void {
  for (const pooling of ["window", "cell"] as const) {
    try {
      lower(convolutionize(net, [net.inChannels!, 32, 32], { pooling }));
    } catch (error) {
      if (!isConvzooError(error)) throw error;
    }
  }
}

export const onnx: Target = {
  name: "onnx",
  few: 50_000,
  make: (random) => damaged(files, random),
  async take(input) {
    const source = inMemory(input, "damaged.onnx");
    for (const stored of (await readOnnxWeights(source)).values()) await stored.read();
    const { net, weights } = await readOnnx(source);
    for (const [key, { shape }] of stateShapes(net)) {
      const weight = weights.get(key);
      const count = shape.reduce((a, b) => a * b, 1);
      if (String(weight?.shape) !== String(shape) || weight?.data.length !== count)
        throw new Error(`${key} is [${weight?.shape}], not [${shape}]`);
    }
    transform(net);
    return "taken";
  },
};
