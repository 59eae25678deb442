// What layers give for a photograph: node examples/node/activations.mjs [FILE] [LAYER...]
import { load, preprocess, zoo } from "convzoo";

const [file = new URL("../images/cat.webp", import.meta.url), ...paths] = process.argv.slice(2);

// Layers are called as in PyTorch: `console.log(String(model.net))` shows them all.
const outputs =
  paths.length > 0 ? paths : ["features.0", "features.4", "features.12.expand3x3", "classifier"];

const input = await preprocess(file, zoo.squeezenet1_1.weights.imagenet1k_v1.preprocess);
const model = await load("squeezenet1_1");
const activations = await model.run(input, { outputs });
model.dispose();

for (const [path, { shape, data }] of Object.entries(activations)) {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const max = data.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  console.log(`${path.padEnd(22)} [${shape.join(", ")}]  mean ${mean.toFixed(3)}, max ${max.toFixed(3)}`);
}
