/**
 * Starts pools of 2 to 4 threads over and over, in the package installed beside it, and runs a network in each: at once, and
 * after a pause in which the threads fall asleep. Ends only if each of them was woken every time. So many pools: `stress.mjs N`.
 */
import { load } from "convzoo";

const input = { shape: [1, 3, 64, 64], data: new Float32Array(3 * 64 * 64).fill(0.5) };
const answers = new Set();
const pools = Number(process.argv[2]);
for (let i = 0; i < pools; i++) {
  const model = await load("squeezenet1_1", { threads: 2 + (i % 3) });
  for (let run = 0; run < 12; run++) {
    if (run % 3 === 0) await new Promise((resolve) => setTimeout(resolve, run / 3));
    answers.add((await model.run(input)).data.join());
  }
  model.dispose();
}
process.stdout.write(String(answers.size));
