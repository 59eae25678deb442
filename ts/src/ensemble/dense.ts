/** What several models make of every place of an image. Loaded when first needed. */
import { softmax } from "../classify.js";
import { checkClasses, type DenseOptions } from "../dense/index.js";
import type { DenseProgress } from "../dense/model.js";
import { merge } from "../dense/scales.js";
import { classIndex, partsOf, ScoreMap } from "../dense/score-map.js";
import type { Ensemble } from "../ensemble.js";
import type { ImageSource } from "../image/input.js";
import type { Tensor } from "../tensor.js";
import { copies, sameClasses } from "./models.js";

/** See {@link Ensemble.dense}. */
export async function dense(
  { models, weights }: Ensemble,
  image: ImageSource | Tensor,
  { classes: wanted, onProgress, ...options }: DenseOptions,
): Promise<ScoreMap> {
  const images = copies(image, models.length);
  const report = together(models.length, onProgress);
  const scores = await Promise.all(
    models.map((model, m) => model.dense(images[m]!, { ...options, onProgress: report(m) })),
  );
  sameClasses(scores.map(({ classes }) => classes.length));
  const { labels } = partsOf(scores[0]!);
  const classes = checkClasses(
    wanted?.map((label) => classIndex(label, labels)),
    scores[0]!.classes.length,
  );
  const maps = scores.map((map) => asProbabilities(map, classes));
  const merged = merge(maps.map(partsOf), weights);
  return new ScoreMap({ ...merged, classes, labels, areProbabilities: true, maps, weights });
}

/** A map, and those of its scales, as probabilities of these classes among all. */
function asProbabilities(map: ScoreMap, classes: readonly number[]): ScoreMap {
  const { scores, maps, ...parts } = partsOf(map);
  return new ScoreMap({
    ...parts,
    scores: chosen(map.areProbabilities ? scores : probabilitiesOf(scores), classes),
    classes,
    areProbabilities: true,
    ...(maps && { maps: maps.map((one) => asProbabilities(one, classes)) }),
  });
}

/** The softmax over the classes at each cell. */
function probabilitiesOf({ shape, data }: Tensor): Tensor {
  const [classes = 0, h = 0, w = 0] = shape;
  const cells = h * w;
  const out = new Float32Array(data.length);
  const scores = new Float64Array(classes);
  for (let cell = 0; cell < cells; cell++) {
    for (let c = 0; c < classes; c++) scores[c] = data[c * cells + cell]!;
    for (const [c, probability] of softmax(scores).entries()) out[c * cells + cell] = probability;
  }
  return { shape, data: out };
}

/** The maps of these classes alone. */
function chosen({ shape, data }: Tensor, classes: readonly number[]): Tensor {
  const [all = 0, h = 0, w = 0] = shape;
  if (classes.length === all && classes.every((index, c) => index === c)) return { shape, data };
  const out = new Float32Array(classes.length * h * w);
  for (const [c, index] of classes.entries())
    out.set(data.subarray(index * h * w, (index + 1) * h * w), c * h * w);
  return { shape: [classes.length, h, w], data: out };
}

/** The sum of the models' progress, from when each has said how much it has to do. */
function together(count: number, onProgress: DenseOptions["onProgress"]) {
  const said = new Map<number, DenseProgress>();
  return (model: number) =>
    onProgress &&
    ((progress: DenseProgress) => {
      said.set(model, progress);
      const sum = (of: keyof DenseProgress) => [...said.values()].reduce((total, one) => total + one[of], 0);
      if (said.size === count) onProgress({ done: sum("done"), total: sum("total") });
    });
}
