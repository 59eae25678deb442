/** `convzoo dense`: where on this image is it? */
import { encode } from "fast-png";
import colors from "picocolors";
import type { Peak } from "../dense/peaks.js";
import type { Scales } from "../dense/scales.js";
import { dropAlpha } from "../image/pixels.js";
import type { LoadOptions } from "../load.js";
import type { Model } from "../model.js";
import type { Pixels } from "../tensor.js";
import type { ZooName } from "../zoo/index.js";
import { bar, table } from "./format.js";
import type { Io } from "./io.js";

/** What `dense` was asked for. */
export interface DenseRequest {
  readonly file: string;
  readonly model: string;
  readonly weights?: string;
  /** A name or an index; what `classify` finds by default. */
  readonly label?: string | number;
  readonly pooling?: "window" | "cell";
  readonly fine: boolean;
  readonly scales: Scales;
  /** Where the picture goes. */
  readonly out: string;
  readonly device: NonNullable<LoadOptions["device"]>;
  readonly threads?: number;
  readonly json: boolean;
}

/** The longer side of the picture at most. */
const MOST = 2048;
/** Peaks that are shown on a terminal. */
const SHOWN = 5;

/** Scans one image and writes the picture. Gives 0; throws what `load`, `dense` and writing throw. */
export async function dense(asked: DenseRequest, io: Io): Promise<number> {
  const { file, weights, device, threads, pooling, fine, scales, out, json } = asked;
  // Where it is no name of the zoo, load says so.
  const model = await io.load(asked.model as ZooName, { weights, device, threads });
  try {
    const start = performance.now();
    const image = await io.decode(file);
    const label = asked.label ?? (await model.classify(image, { topk: 1 }))[0]!.index;
    // An option that is not set is one that the network decides.
    const map = await model.dense(image, {
      scales,
      classes: [label],
      ...(pooling && { pooling }),
      ...(fine && { fine }),
    });
    const index = map.classes[0]!;
    const peaks = map.peaks(index);
    const { width, height, data } = map.overlay(await shrunk(image, io), index);
    await io.writeFile(out, encode({ width, height, channels: 3, data: dropAlpha(data) }));
    const ms = Math.round((performance.now() - start) * 100) / 100;
    const [, h, w] = map.scores.shape as [number, number, number];
    const name = map.label(index);
    if (json) {
      const answer = { file, model: asked.model, device: model.device, threads: model.threads, ms };
      const what = { index, label: name, map: [h, w], stride: map.stride, peaks, out };
      // Hundredths of pixels and scores are what anybody reads.
      const short = (_: string, value: unknown) =>
        typeof value === "number" ? Math.round(value * 100) / 100 : value;
      io.stdout.write(`${JSON.stringify({ ...answer, ...what }, short, 2)}\n`);
    } else io.stdout.write(report(asked, { name, index, size: `${w} x ${h}`, peaks, ms }, model, io));
  } finally {
    model.dispose();
  }
  return 0;
}

/** The image, no larger than a picture to look at need be. */
async function shrunk(image: Pixels, io: Io): Promise<Pixels> {
  const { width, height } = image;
  const factor = MOST / Math.max(width, height);
  if (factor >= 1) return image;
  return io.resize(image, { width: Math.ceil(factor * width), height: Math.ceil(factor * height) });
}

interface Found {
  readonly name: string;
  readonly index: number;
  readonly size: string;
  readonly peaks: readonly Peak[];
  readonly ms: number;
}

function report(asked: DenseRequest, found: Found, model: Model, io: Io): string {
  const { bold, cyan, dim } = colors.createColors(Boolean(io.stdout.isTTY && !io.env.NO_COLOR));
  const { name, index, size, peaks, ms } = found;
  const shown = peaks.slice(0, SHOWN);
  const most = shown[0]?.score ?? 1;
  const cells = shown.map(({ score, x, y, box }) => [
    bar(Math.max(0, Math.min(1, score / most)), 10),
    score.toFixed(2),
    `at ${x.toFixed(0)}, ${y.toFixed(0)}`,
    `in ${box.width.toFixed(0)} x ${box.height.toFixed(0)} from ${box.x.toFixed(0)}, ${box.y.toFixed(0)}`,
  ]);
  // Colours only after padding, since their escapes have a length and no width.
  const rows = table(cells, [false, true, false, false])
    .split("\n")
    .filter(Boolean)
    .map((row) => `  ${cyan(row.slice(0, 10))}${row.slice(10)}\n`);
  const hidden = peaks.length > shown.length ? `  ${dim(`and ${peaks.length - shown.length} more`)}\n` : "";
  const how = `${ms.toFixed(0)} ms: ${size} cells by ${asked.model} on ${model.device} (${model.core})`;
  const title = `${bold(asked.file)}  ${name} ${dim(`(${index})`)}\n`;
  return `${title}${rows.join("")}${hidden}  ${dim(how)}\n  ${dim(`picture: ${asked.out}`)}\n`;
}
