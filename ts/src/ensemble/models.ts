/** What all that an ensemble does needs of its models. */
import { ConvzooError } from "../errors.js";
import type { ImageSource } from "../image/input.js";

/** Throws `bad-option` where models have different numbers of classes. */
export function sameClasses(counts: readonly number[]): void {
  if (new Set(counts).size < 2) return;
  const message = `ensemble: the models have ${counts.join(", ")} classes; only those with the same classes can be averaged.`;
  throw new ConvzooError("bad-option", message);
}

/** The image once for each model: what can be read but once would leave nothing to the second. */
export function copies<T>(image: ImageSource | T, count: number): (ImageSource | T)[] {
  const isTagged = (tag: string) => Object.prototype.toString.call(image) === `[object ${tag}]`;
  if (isTagged("Response")) return Array.from({ length: count }, () => (image as Response).clone());
  if (!isTagged("ReadableStream")) return Array<ImageSource | T>(count).fill(image);
  let rest = image as ReadableStream<Uint8Array>;
  return Array.from({ length: count }, () => {
    const [one, others] = rest.tee();
    rest = others;
    return one;
  });
}
