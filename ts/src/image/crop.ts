import type { Pixels } from "../tensor.js";

/** A rectangle in an image's pixels; `left` and `top` are negative where it reaches beyond the image. */
export interface CropBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * The box that torchvision's `center_crop` takes: the offset is half of what is left over, halves going to the even
 * number. An image smaller than the crop is first centred in black, the odd pixel going to the right and the bottom.
 */
export function centerBox(
  size: { width: number; height: number },
  crop: number | readonly [number, number],
): CropBox {
  const [height, width] = typeof crop === "number" ? [crop, crop] : crop;
  return { left: offset(size.width, width), top: offset(size.height, height), width, height };
}

function offset(from: number, to: number): number {
  const spare = from - to;
  return spare < 0 ? 0 - Math.floor(-spare / 2) : roundHalfEven(spare / 2);
}

/** Python's `round`, for half integers. */
function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  return x - down === 0.5 && down % 2 === 0 ? down : Math.round(x);
}

/** The pixels of {@link centerBox}: a new image, black where the box reaches beyond the old one. */
export function cropPixels(pixels: Pixels, crop: number | readonly [number, number]): Pixels {
  const { left, top, width, height } = centerBox(pixels, crop);
  const data = new Uint8Array(width * height * 3);
  const [from, to] = [Math.max(left, 0), Math.min(left + width, pixels.width)];
  for (let y = Math.max(top, 0); y < Math.min(top + height, pixels.height); y++) {
    const row = pixels.data.subarray((y * pixels.width + from) * 3, (y * pixels.width + to) * 3);
    data.set(row, ((y - top) * width + from - left) * 3);
  }
  return { width, height, data };
}
