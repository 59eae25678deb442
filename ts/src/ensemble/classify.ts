/** What several models make of an image. Loaded when first needed. */
import { checkRanking, mostProbable } from "../classify.js";
import type { Ensemble } from "../ensemble.js";
import type { ImageSource } from "../image/input.js";
import type { Classification, ClassifyOptions } from "../model.js";
import { copies, sameClasses } from "./models.js";

/** See {@link Ensemble.classify}. */
export async function classify(
  { models, weights }: Ensemble,
  image: ImageSource,
  options: ClassifyOptions,
): Promise<Classification[]> {
  checkRanking(options);
  const { topk = 5 } = options;
  const images = copies(image, models.length);
  const all = await Promise.all(
    models.map((model, m) => model.classify(images[m]!, { ...options, topk: Number.MAX_SAFE_INTEGER })),
  );
  sameClasses(all.map((classes) => classes.length));
  const probabilities = new Float64Array(all[0]!.length);
  for (const [m, classes] of all.entries()) {
    for (const { index, probability } of classes) probabilities[index]! += weights[m]! * probability;
  }
  const labels = new Map(all[0]!.map(({ index, label }) => [index, label]));
  return mostProbable(probabilities, probabilities, topk).map(({ index, ...of }) => {
    return { index, label: labels.get(index)!, ...of };
  });
}
