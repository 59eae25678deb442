// Several photographs in one run of the network: node examples/node/batch.mjs [FILE...]
import { load, preprocess, zoo } from "convzoo";

const given = process.argv.slice(2);
const samples = ["bird.png", "cat.webp", "hot_dog.jpg", "owl.jpg"];
const files = given.length > 0 ? given : samples.map((name) => new URL(`../images/${name}`, import.meta.url));

// [1, 3, 224, 224] each, one after another: [N, 3, 224, 224].
const options = zoo.squeezenet1_1.weights.imagenet1k_v1.preprocess;
const inputs = await Promise.all(files.map((file) => preprocess(file, options)));
const [, ...size] = inputs[0].shape;
const data = new Float32Array(inputs.length * inputs[0].data.length);
for (const [i, input] of inputs.entries()) data.set(input.data, i * input.data.length);

const model = await load("squeezenet1_1");
const scores = await model.run({ shape: [inputs.length, ...size], data });
model.dispose();

const [, classes] = scores.shape;
for (const [i, file] of files.entries()) {
  const row = scores.data.subarray(i * classes, (i + 1) * classes);
  const best = row.indexOf(Math.max(...row));
  console.log(`class ${best}, score ${row[best].toFixed(2)}: ${file}`);
}
