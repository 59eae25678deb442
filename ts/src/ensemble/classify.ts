/** What several models make of an image. Loaded when first needed. */
import { checkRanking, mostProbableFirst } from "../classify.js";
import type { Ensemble } from "../ensemble.js";
import { ConvzooError } from "../errors.js";
import type { ImageSource } from "../image/input.js";
import type { Classification, ClassifyOptions } from "../model.js";

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
  const counts = all.map((classes) => classes.length);
  if (new Set(counts).size > 1) {
    const message = `ensemble: the models have ${counts.join(", ")} classes; only those with the same classes can be averaged.`;
    throw new ConvzooError("bad-option", message);
  }
  const probabilities = new Float64Array(counts[0]!);
  for (const [m, classes] of all.entries()) {
    for (const { index, probability } of classes) probabilities[index]! += weights[m]! * probability;
  }
  return all[0]!
    .map(({ index, label }) => {
      const probability = probabilities[index]!;
      return { index, label, score: probability, probability };
    })
    .sort(mostProbableFirst)
    .slice(0, topk);
}

/** The image once for each model: what can be read but once would leave nothing to the second. */
function copies(image: ImageSource, count: number): ImageSource[] {
  const isTagged = (tag: string) => Object.prototype.toString.call(image) === `[object ${tag}]`;
  if (isTagged("Response")) return Array.from({ length: count }, () => (image as Response).clone());
  if (!isTagged("ReadableStream")) return Array<ImageSource>(count).fill(image);
  let rest = image as ReadableStream<Uint8Array>;
  return Array.from({ length: count }, () => {
    const [one, others] = rest.tee();
    rest = others;
    return one;
  });
}
