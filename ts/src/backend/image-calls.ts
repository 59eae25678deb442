/** Images on the core's side: the same for every engine. */
import type * as singleGlue from "../../../build/core/single/core.js";
import { ConvzooError } from "../errors.js";
import type { Wanted } from "../image/codec.js";
import type * as decoders from "../image/decode.js";
import { FOR_NETWORKS } from "../image/pixels.js";
import { preprocessPixels, type ResizeFn, resizePixels } from "../image/preprocess.js";
import type { Pixels, Tensor } from "../tensor.js";
import type { Args, ImageMessage, Result } from "./protocol.js";
import { resizeBy } from "./resize.js";

/** The image decoders, from where `Platform.decoders` says. */
export type Decoders = (url: string) => Promise<typeof decoders>;

/** The calls about images. */
export interface Images {
  decode(args: Args<"decode">): Promise<Pixels>;
  resize(args: Args<"resize">): Promise<Result<"resize">>;
  preprocess(args: Args<"preprocess">): Promise<Tensor>;
}

/** The calls about images, by the core's `resize`. */
export function imagesBy(resize: typeof singleGlue.resize, decoders: Decoders): Images {
  const resized: ResizeFn = (pixels, to) => resizeBy(resize, pixels, to);
  const pixelsOf = async (image: ImageMessage, wanted: Wanted = FOR_NETWORKS): Promise<Pixels> => {
    if ("pixels" in image) return image.pixels;
    const { bytes, codec, decoders: url } = image;
    const { decodeBytes } = await decoders(url).catch((cause) => {
      const advice =
        "Is it deployed beside the package's JavaScript, and does the page's policy allow scripts from there?";
      throw new ConvzooError("unsupported", `The image decoders did not load from ${url}. ${advice}`, {
        cause,
      });
    });
    return decodeBytes(bytes, { wasm: async () => codec! }, wanted);
  };
  return {
    decode: ({ image, wanted }) => pixelsOf(image, wanted),
    resize: async ({ pixels, ...target }) => [pixels, await resizePixels(pixels, target, resized)],
    preprocess: async ({ image, options, views, wanted }) =>
      preprocessPixels(await pixelsOf(image, wanted), options, resized, views),
  };
}
