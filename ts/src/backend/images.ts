/** Images on the core's side: the same for every engine. */
import type * as singleGlue from "../../../build/core/single/core.js";
import type * as decoders from "../decoders.js";
import { ConvzooError } from "../errors.js";
import type { Wanted } from "../image/codec.js";
import { channelsOf, FOR_NETWORKS } from "../image/pixels.js";
import { preprocessPixels, type ResizeFn, resizePixels } from "../image/preprocess.js";
import type { Pixels, Tensor } from "../tensor.js";
import type { Args, ImageMessage } from "./protocol.js";

/** The image decoders, from where `Platform.decoders` says. */
export type Decoders = (url: string) => Promise<typeof decoders>;

/** The calls about images. */
export interface Images {
  decode(args: Args<"decode">): Promise<Pixels>;
  resize(args: Args<"resize">): Promise<Pixels>;
  preprocess(args: Args<"preprocess">): Promise<Tensor>;
}

/** The calls about images, by the core's `resize`. */
export function imagesBy(resize: typeof singleGlue.resize, decoders: Decoders): Images {
  const resized: ResizeFn = (pixels, to) => {
    const { data, width, height } = pixels;
    const part = to.part ?? { left: 0, top: 0, width: to.width, height: to.height };
    const box = [part.left, part.top, part.width, part.height] as const;
    return {
      width: part.width,
      height: part.height,
      data: resize(data, width, height, channelsOf(pixels), to.width, to.height, ...box, to.filter),
    };
  };
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
    resize: async ({ pixels, ...target }) => resizePixels(pixels, target, resized),
    preprocess: async ({ image, options, views }) =>
      preprocessPixels(await pixelsOf(image), options, resized, views),
  };
}
