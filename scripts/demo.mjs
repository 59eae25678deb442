/**
 * What the package does, for somebody who has just cloned it: set-up and build where needed, then LeNet-5 on digits,
 * SqueezeNet 1.1 on photographs, and a map of where a photograph shows what the network took it for, as a PNG in out/.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "./build.mjs";
import { stop } from "./setup.mjs";
import { root } from "./toolchain.mjs";

const digits = join(root, "examples/digits");
const photographs = join(root, "examples/images");
const filesIn = (folder) => readdirSync(folder).filter((name) => /\.(png|jpe?g|webp|bmp)$/.test(name));
const percent = (probability) => `${(100 * probability).toFixed(1)}%`;

/** Runs some work; gives its result and the milliseconds that it took. */
async function timed(work) {
  const start = performance.now();
  const result = await work();
  return [result, performance.now() - start];
}

/** Loads a model, says what it runs on, shows it to `use`, and gives its memory back. */
async function withModel({ load, zoo }, name, what, use) {
  const [model, ms] = await timed(() => load(name));
  try {
    const { params, macs, weights } = zoo[name];
    const size = `${params.toLocaleString("en")} parameters, ${(macs / 1e6).toFixed(1)} million multiply-adds`;
    console.log(`\n${what}`);
    console.log(`${name} (weights: ${Object.keys(weights)[0]}), ${size}, loaded in ${ms.toFixed(0)} ms`);
    const threads = `${model.threads} thread${model.threads === 1 ? "" : "s"}`;
    console.log(`device ${model.device}, core ${model.core}, ${threads}; ms are from file to classes\n`);
    await use(model);
  } finally {
    model.dispose();
  }
}

/** A line a digit: they are small, and so is what there is to say. */
async function readDigits(model) {
  for (const name of filesIn(digits)) {
    const [top, ms] = await timed(() => model.classify(join(digits, name)));
    const cells = top.map(({ label, score, probability }) => {
      return `${label} ${score.toFixed(1).padStart(5)} ${percent(probability).padStart(6)}`;
    });
    console.log(`  ${name.padEnd(9)} ${ms.toFixed(1).padStart(5)} ms   ${cells.join("   ")}`);
  }
}

async function namePhotographs(model) {
  for (const name of filesIn(photographs)) {
    const [top, ms] = await timed(() => model.classify(join(photographs, name)));
    console.log(`  ${name}, ${ms.toFixed(1)} ms`);
    for (const { label, score, probability } of top) {
      const bar = "█".repeat(Math.round(probability * 20)).padEnd(20);
      const numbers = `${score.toFixed(2).padStart(6)}  ${percent(probability).padStart(6)}`;
      console.log(`    ${numbers}  ${bar}  ${label}`);
    }
  }
}

/**
 * Where SqueezeNet 1.1 sees the class that it takes a photograph for. Its last convolution scores all classes at each
 * cell of a grid, and the pooling after it only averages them: a larger input gives a larger grid, that is, a map.
 */
async function drawMap(convzoo, model, file) {
  const [{ index, label }] = await model.classify(file, { topk: 1 });
  const options = { ...convzoo.zoo.squeezenet1_1.weights.imagenet1k_v1.preprocess, resize: 448, crop: null };
  const input = await convzoo.preprocess(file, options);
  const [{ "classifier.2": scores }, ms] = await timed(() => model.run(input, { outputs: ["classifier.2"] }));
  const [, , rows, columns] = scores.shape;
  const cells = rows * columns;
  const map = { rows, columns, data: scores.data.subarray(index * cells, (index + 1) * cells) };

  const [, , height, width] = input.shape;
  const photograph = await convzoo.resize(await convzoo.decode(file), { width, height });
  const { encode } = await import("fast-png");
  const { interpolateInferno } = await import("d3-scale-chromatic");
  const picture = paint(photograph, map, palette(interpolateInferno));

  const out = join(root, "out/heatmap.png");
  mkdirSync(join(root, "out"), { recursive: true });
  writeFileSync(out, encode(picture));
  console.log(
    `\n  Where is the ${label}? ${relative(root, out)} shows it: on the left the photograph, on the right`,
  );
  console.log(
    `  the score of "${label}" at ${columns} x ${rows} places of ${relative(root, file)} (${width} x ${height}),`,
  );
  console.log(
    `  from 0 (gray) to ${Math.max(...map.data).toFixed(0)} (yellow), in one pass of ${ms.toFixed(0)} ms.`,
  );
}

/** The centre of a cell of `classifier.2` in the input: each stride of 2 doubles the step, each 3 x 3 window adds its half. */
const step = 16;
const first = 15;

/** The photograph, and beside it the same in gray under the map's colours. */
function paint({ width, height, data }, map, colours) {
  const gap = 8;
  const picture = { width: 2 * width + gap, height, channels: 3 };
  const pixels = new Uint8Array(picture.width * height * 3).fill(255);
  const most = Math.max(...map.data);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = 3 * (y * width + x);
      const left = 3 * (y * picture.width + x);
      const right = left + 3 * (width + gap);
      const [r, g, b] = data.subarray(from, from + 3);
      pixels.set([r, g, b], left);
      const gray = 0.6 * (0.299 * r + 0.587 * g + 0.114 * b);
      // Lifted, so that what lies between shows as well as the peaks.
      const heat = (bilinear(map, (y - first) / step, (x - first) / step) / most) ** 0.7;
      const share = Math.min(1, 1.5 * heat) * 0.8;
      const colour = colours[Math.round(255 * heat)];
      for (let c = 0; c < 3; c++) pixels[right + c] = Math.round(gray * (1 - share) + colour[c] * share);
    }
  }
  return { ...picture, data: pixels };
}

/** The map's value between its cells; beyond the outer cells, theirs. */
function bilinear({ rows, columns, data }, y, x) {
  const [top, v] = between(y, rows);
  const [left, u] = between(x, columns);
  const row = (i) => data[i * columns + left] * (1 - u) + data[i * columns + left + 1] * u;
  return row(top) * (1 - v) + row(top + 1) * v;
}

/** The cell at or before a place, of `count`, and how far the place is on the way to the next one, from 0 to 1. */
function between(place, count) {
  const inside = Math.min(Math.max(place, 0), count - 1);
  const before = Math.min(Math.floor(inside), count - 2);
  return [before, inside - before];
}

/** 256 colours of a scale, as [red, green, blue]. */
function palette(scale) {
  return Array.from({ length: 256 }, (_, i) =>
    scale(i / 255)
      .match(/[\da-f]{2}/g)
      .map((byte) => Number.parseInt(byte, 16)),
  );
}

/** The demo with the package's functions. */
export async function demo(convzoo) {
  await withModel(convzoo, "lenet5", "Which digits are these? (class, score, probability)", readDigits);
  await withModel(
    convzoo,
    "squeezenet1_1",
    "What is on these photographs? (score, probability, class)",
    async (model) => {
      await namePhotographs(model);
      await drawMap(convzoo, model, join(photographs, "hot_dog.jpg"));
    },
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const first = !existsSync(join(root, "dist/.stamp"));
    if (first) console.log("demo: setting up and building the package first, which takes some minutes");
    const outdated = () => console.log("demo: the build is out of date; building again");
    const late = first ? undefined : setTimeout(outdated, 1000);
    await build();
    clearTimeout(late);
    await demo(await import("convzoo"));
  } catch (error) {
    stop(error);
  }
}
