/** What dense prediction uses of a model. */
import type { Host } from "../backend/host.js";
import type { ImageMessage } from "../backend/protocol.js";
import type { Graph } from "../graph.js";
import { type ImageSource, naming } from "../image/input.js";
import { FOR_NETWORKS } from "../image/pixels.js";
import type { PreprocessOptions } from "../image/preprocess.js";
import type { Net } from "../layers.js";
import type { Pixels } from "../tensor.js";
import type { Views } from "./view.js";

export interface DenseModel {
  readonly net: Net;
  readonly graph: Graph;
  readonly host: Host;
  /** Height and width of the network's own input. */
  readonly size: readonly [number, number];
  readonly views: Views;
  readonly preprocess: () => PreprocessOptions;
  readonly labels: (classes: number) => Promise<readonly string[] | undefined>;
  readonly image: (
    image: ImageSource,
    signal?: AbortSignal,
  ) => Promise<{ message: ImageMessage; source: string }>;
  /** A worker that can only decode; absent or undefined where there are no workers. */
  readonly aside?: () => Host | undefined;
}

/** Bytes of a file that is decoded aside. */
const LARGE = 2 ** 20;

/** How far a dense prediction is: tiles of all scales, or patches. */
export interface DenseProgress {
  readonly done: number;
  readonly total: number;
}

/** An image's pixels; those of a caller are not copied. */
export async function pixelsOf(model: DenseModel, image: ImageSource, signal?: AbortSignal): Promise<Pixels> {
  const { message, source } = await model.image(image, signal);
  if ("pixels" in message) return message.pixels;
  // A worker that ends gives a large image's memory back at once; the model's would keep it beside the network's maps.
  const aside = message.bytes.length > LARGE ? model.aside?.() : undefined;
  return (aside ?? model.host)
    .call("decode", { image: message, wanted: FOR_NETWORKS }, { signal })
    .catch(naming(source))
    .finally(() => aside?.dispose());
}
