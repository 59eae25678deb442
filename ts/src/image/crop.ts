import { ConvzooError } from "../errors.js";
import type { Pixels } from "../tensor.js";

/** A rectangle in an image's pixels; `left` and `top` are negative where it reaches beyond the image. */
export interface CropBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Which part of an image is seen, of whatever size it is. */
export interface View {
  /**
   * How far from the left and from the top of the places that there are, both from 0 to 1; or `"center"`, in the image turned
   * left to right if `reflect` is set.
   */
  readonly at: readonly [x: number, y: number] | "center";
  /** Whether what is seen is turned left to right. */
  readonly reflect: boolean;
}

type Size = { readonly width: number; readonly height: number };

/**
 * The box that torchvision's `center_crop` takes: the offset is half of what is left over, halves going to the even
 * number. An image smaller than the crop is first centred in black, the odd pixel going to the right and the bottom.
 */
export function centerBox(size: Size, crop: number | readonly [number, number]): CropBox {
  const [height, width] = typeof crop === "number" ? [crop, crop] : crop;
  return { left: offset(size.width, width), top: offset(size.height, height), width, height };
}

/** The box of a view. Throws `bad-option` where the image is smaller than the crop, unless the view is the centre. */
export function viewBox(size: Size, crop: number | readonly [number, number], view: View): CropBox {
  const center = centerBox(size, crop);
  const { width, height } = center;
  const [spareX, spareY] = [size.width - width, size.height - height];
  // With an odd pixel to spare, the middle of the image as it is and of the image turned round differ by one.
  if (view.at === "center") return view.reflect ? { ...center, left: spareX - center.left } : center;
  if (spareX < 0 || spareY < 0) {
    const sizes = `${size.width} x ${size.height} pixels is smaller than the crop of ${width} x ${height}`;
    throw new ConvzooError("bad-option", `crops: the image of ${sizes}; resize it to more, or use "center".`);
  }
  const [x, y] = view.at;
  const place = (at: number, spare: number) => Math.min(Math.floor(at * (spare + 1)), spare);
  return { left: place(x, spareX), top: place(y, spareY), width, height };
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

/** The pixels of a box: a new image, black where the box reaches beyond the old one, turned left to right to `reflect`. */
export function cut(pixels: Pixels, { left, top, width, height }: CropBox, reflect = false): Pixels {
  const data = new Uint8Array(width * height * 3);
  const [from, to] = [Math.max(left, 0), Math.min(left + width, pixels.width)];
  for (let y = Math.max(top, 0); y < Math.min(top + height, pixels.height); y++) {
    const row = pixels.data.subarray((y * pixels.width + from) * 3, (y * pixels.width + to) * 3);
    data.set(row, ((y - top) * width + from - left) * 3);
  }
  if (reflect) reflectRows(data, width);
  return { width, height, data };
}

/** Turns RGB rows of this width left to right, in place. */
function reflectRows(data: Uint8Array, width: number): void {
  for (let start = 0; start < data.length; start += width * 3) {
    for (let [a, b] = [start, start + (width - 1) * 3]; a < b; a += 3, b -= 3) {
      for (let c = 0; c < 3; c++) {
        const kept = data[a + c]!;
        data[a + c] = data[b + c]!;
        data[b + c] = kept;
      }
    }
  }
}
