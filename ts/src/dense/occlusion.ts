/** Which parts of an image a score hangs on, by covering them one after another: no gradient is needed. */
import { ConvzooError } from "../errors.js";
import { centerBox } from "../image/crop.js";
import type { ImageSource } from "../image/input.js";
import { type PreprocessOptions, resizedSize } from "../image/preprocess.js";
import type { Tensor } from "../tensor.js";
import type { GridAxis } from "./grid.js";
import { type DenseModel, type DenseProgress, pixelsOf } from "./model.js";
import { classIndex, ScoreMap } from "./score-map.js";

/** Options of `model.occlusion`. */
export interface OcclusionOptions {
  /** The patch's side in pixels of the network's input: an eighth of the input's by default. */
  readonly size?: number;
  /** Pixels from one patch to the next: half of its side by default. */
  readonly stride?: number;
  /** What the patch is filled with, in the normalised values that the network reads: by default 0, the mean colour. */
  readonly fill?: number;
  /** Images that run together, 8 by default. */
  readonly batch?: number;
  readonly signal?: AbortSignal;
  /** Called after each batch with the number of patches that are done. */
  readonly onProgress?: (progress: DenseProgress) => void;
}

/** See `Model.occlusion`. */
export async function occlusion(
  model: DenseModel,
  image: ImageSource,
  label: number | string,
  options: OcclusionOptions = {},
): Promise<ScoreMap> {
  const { host, graph } = model;
  const { fill = 0, batch = 8, signal, onProgress } = options;
  const preprocess = model.preprocess();
  const pixels = await pixelsOf(model, image, signal);
  const input = await host.call("preprocess", { image: { pixels }, options: preprocess }, { signal });
  const [, channels, height, width] = input.shape as [number, number, number, number];
  const side = options.size ?? Math.max(1, Math.round(Math.min(height, width) / 8));
  const stride = options.stride ?? Math.max(1, Math.round(side / 2));
  check({ size: side, stride, batch }, fill, Math.min(height, width));
  const counts = [height, width].map((extent) => Math.ceil((extent - side) / stride) + 1) as [number, number];

  const run = async (count: number, data: Float32Array): Promise<Tensor> => {
    const batched = { shape: [count, channels, height, width], data };
    const transfer = [data.buffer as ArrayBuffer];
    const args = { input: batched, outputs: [graph.output] };
    return (await host.call("run", args, { signal, transfer }))[1]!;
  };
  const whole = await run(1, input.data.slice());
  if (whole.shape.length !== 2) {
    const message =
      "occlusion is for classifiers; this network gives a map. Load the network as it was built.";
    throw new ConvzooError("bad-option", message);
  }
  const classes = whole.data.length;
  const labels = await model.labels(classes);
  const index = classIndex(label, labels);
  if (!Number.isInteger(index) || index < 0 || index >= classes) {
    const message = `The network has classes 0 to ${classes - 1}, but no ${String(label)}.`;
    throw new ConvzooError("unknown-class", message);
  }

  const total = counts[0] * counts[1];
  const drops = new Float32Array(total);
  for (let first = 0; first < total; first += batch) {
    const count = Math.min(batch, total - first);
    const data = new Float32Array(count * input.data.length);
    for (let k = 0; k < count; k++) {
      const one = data.subarray(k * input.data.length, (k + 1) * input.data.length);
      one.set(input.data);
      const [i, j] = [Math.floor((first + k) / counts[1]), (first + k) % counts[1]];
      const end = Math.min(width, j * stride + side);
      for (let c = 0; c < channels; c++) {
        for (let y = i * stride; y < Math.min(height, i * stride + side); y++) {
          const row = (c * height + y) * width;
          one.fill(fill, row + j * stride, row + end);
        }
      }
    }
    const scores = await run(count, data);
    for (let k = 0; k < count; k++) {
      drops[first + k] = whole.data[index]! - scores.data[k * classes + index]!;
    }
    onProgress?.({ done: first + count, total });
  }
  const shown = shownBy(pixels, preprocess);
  const axis = (name: "rows" | "columns", k: 0 | 1): GridAxis => {
    const { extent, start, pixel } = shown[name];
    const size = side * pixel;
    const centre = start + size / 2;
    return { count: counts[k], step: stride * pixel, centre, field: size, window: size, extent };
  };
  return new ScoreMap({
    scores: { shape: [1, ...counts], data: drops },
    grid: { rows: axis("rows", 0), columns: axis("columns", 1) },
    classes: [index],
    labels,
  });
}

function check(counts: Readonly<Record<string, number>>, fill: number, most: number): void {
  for (const [name, value] of Object.entries(counts)) {
    if (Number.isInteger(value) && value > 0) continue;
    throw new ConvzooError("bad-option", `${name} is a whole number of at least 1, not ${String(value)}.`);
  }
  if (counts.size! > most)
    throw new ConvzooError("bad-option", `size is at most the input's side, ${most}, not ${counts.size}.`);
  if (!Number.isFinite(fill))
    throw new ConvzooError("bad-option", `fill is a finite number, not ${String(fill)}.`);
}

/** Where the network's input lies in the image: where it starts, and how large its pixels are there. */
function shownBy(image: { width: number; height: number }, { resize, crop }: PreprocessOptions) {
  const sized = resizedSize(image, resize);
  const box = crop === null ? { left: 0, top: 0 } : centerBox(sized, crop);
  const along = (extent: number, resized: number, first: number) => {
    const pixel = extent / resized;
    return { extent, start: first * pixel, pixel };
  };
  return {
    rows: along(image.height, sized.height, box.top),
    columns: along(image.width, sized.width, box.left),
  };
}
