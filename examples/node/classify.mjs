// What is on a photograph? node examples/node/classify.mjs [FILE]
import { load } from "convzoo";

const photograph = process.argv[2] ?? new URL("../images/bird.png", import.meta.url);

const model = await load("squeezenet1_1");
const top = await model.classify(photograph, { topk: 3 });
model.dispose();

for (const { label, score, probability } of top) {
  console.log(`${(100 * probability).toFixed(1).padStart(5)}%  ${score.toFixed(2).padStart(6)}  ${label}`);
}
