/** The browser's own decoder. Loaded when it is asked for. */
import { ConvzooError } from "../errors.js";
import { drawnPixels } from "./drawn.js";
import { checkSize, type NativeDecoding, type RawPixels } from "./pixels.js";

/**
 * Decodes a file as the browser does, of any format that it knows; colours under alpha come back rounded, as its canvas
 * keeps them multiplied. Throws `bad-image`.
 */
export async function decodeNatively(
  bytes: Uint8Array,
  { maxPixels, orientation, colorProfile }: NativeDecoding,
): Promise<RawPixels> {
  const bitmap = await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>]), {
    imageOrientation: orientation ? "from-image" : "none",
    colorSpaceConversion: colorProfile === "convert" ? "default" : "none",
    premultiplyAlpha: "none",
  }).catch((cause) => {
    const message =
      "The browser cannot decode the image: it is damaged, or in a format that it does not know.";
    throw new ConvzooError("bad-image", message, { cause });
  });
  try {
    checkSize("The image", bitmap.width, bitmap.height, maxPixels);
    return drawnPixels(bitmap)!;
  } finally {
    bitmap.close();
  }
}
