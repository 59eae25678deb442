import { flag, integer, oneOf, withDefaults } from "../check.js";
import { ConvzooError } from "../errors.js";
import { CHANNELS, MAX_PIXELS, type Mode } from "./pixels.js";

/** How an image is decoded. */
export interface Decoding {
  /** What becomes of the pixels, as in Pillow's `convert`: `"RGB"` by default, `"RGBA"`, or gray, `"L"`. */
  readonly mode?: Mode;
  /** Whether to turn the image upright, as its EXIF data say (Pillow's `exif_transpose`); false by default. */
  readonly orientation?: boolean;
  /**
   * `"ignore"`, the default: the bytes are the file's, as networks were trained. `"convert"`: in sRGB, by the file's colour
   * profile; only the native decoder does that.
   */
  readonly colorProfile?: "ignore" | "convert";
  /**
   * `"bundled"`, the default, gives Pillow's bytes in every runtime; `"native"` is the browser's own decoder, which knows
   * other formats too and whose bytes are its own.
   */
  readonly decoder?: "bundled" | "native";
  /** The most pixels that an image may have, as its header says; 178,956,970 by default, as in Pillow. */
  readonly maxPixels?: number;
}

const DEFAULTS: Required<Decoding> = {
  mode: "RGB",
  orientation: false,
  colorProfile: "ignore",
  decoder: "bundled",
  maxPixels: MAX_PIXELS,
};

/** All options of `decode`. Throws `bad-option`. */
export function decodingOf(given: Decoding): Required<Decoding> {
  const options = withDefaults("decode", DEFAULTS, given);
  const { mode, orientation, colorProfile, decoder, maxPixels } = options;
  oneOf("decode", "mode", mode, Object.keys(CHANNELS) as Mode[]);
  flag("decode", "orientation", orientation);
  oneOf("decode", "colorProfile", colorProfile, ["ignore", "convert"]);
  oneOf("decode", "decoder", decoder, ["bundled", "native"]);
  integer("decode", "maxPixels", maxPixels, 1);
  if (colorProfile === "convert" && decoder !== "native") {
    const message = 'decode: colour profiles are converted by browsers alone; pass decoder: "native" too.';
    throw new ConvzooError("bad-option", message);
  }
  return options;
}
