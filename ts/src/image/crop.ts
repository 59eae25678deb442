import { integer, withDefaults } from "../check.js";
import { ConvzooError } from "../errors.js";
import { below, generator } from "../random.js";
import type { Pixels } from "../tensor.js";

/** A rectangle in an image's pixels; `left` and `top` are negative where it reaches beyond the image. */
export interface CropBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Whether what it holds is turned left to right. */
  readonly reflect?: boolean;
}

/**
 * Which parts of an image the network sees:
 *
 * - `"center"`: the square in the middle;
 * - `"five"`: the four corners and the middle, as torchvision's `FiveCrop`;
 * - `"ten"`: these and those of the reflected image, as torchvision's `TenCrop` and AlexNet's paper (section 4.1);
 * - `{ random: 5, reflect: true, seed: 0 }`: so many at random places and, unless `reflect` is false, the reflection of each.
 *   A seed's places are the same in every runtime; 0 unless given.
 */
export type Crops =
  | "center"
  | "five"
  | "ten"
  | { readonly random: number; readonly reflect?: boolean; readonly seed?: number };

type Size = { readonly width: number; readonly height: number };

/**
 * The box that torchvision's `center_crop` takes: the offset is half of what is left over, halves going to the even
 * number. An image smaller than the crop is first centred in black, the odd pixel going to the right and the bottom.
 */
export function centerBox(size: Size, crop: number | readonly [number, number]): CropBox {
  const [height, width] = typeof crop === "number" ? [crop, crop] : crop;
  return { left: offset(size.width, width), top: offset(size.height, height), width, height };
}

/** The boxes of `crops` in an image. Throws `bad-option` where they are no {@link Crops} or do not fit. */
export function cropBoxes(
  size: Size,
  crop: number | readonly [number, number] | null,
  crops: Crops,
): CropBox[] {
  checkCrops(crops);
  if (crop === null) {
    if (crops === "center") return [{ left: 0, top: 0, ...size }];
    throw wrong('this network sees whole images (crop is null), so only "center" is possible');
  }
  const center = centerBox(size, crop);
  if (crops === "center") return [center];
  const { width, height } = center;
  const [spareX, spareY] = [size.width - width, size.height - height];
  if (spareX < 0 || spareY < 0) {
    const sizes = `${size.width} x ${size.height} pixels is smaller than the crop of ${width} x ${height}`;
    throw wrong(`the image of ${sizes}; resize it to more, or use "center"`);
  }
  const at = (left: number, top: number): CropBox => ({ left, top, width, height });
  const reflected = (box: CropBox): CropBox => ({ ...box, reflect: true });
  if (typeof crops === "object") {
    const { random: count, reflect = true, seed = 0 } = crops;
    const random = generator(seed);
    const boxes = Array.from({ length: count }, () => {
      const top = below(spareY + 1, random);
      return at(below(spareX + 1, random), top);
    });
    return reflect ? boxes.flatMap((box) => [box, reflected(box)]) : boxes;
  }
  const five = [at(0, 0), at(spareX, 0), at(0, spareY), at(spareX, spareY), center];
  if (crops === "five") return five;
  // torchvision turns the image before it crops: with an odd pixel to spare, the middle is not that of the image as it is.
  return [...five, ...five.map((box) => reflected({ ...box, left: spareX - box.left }))];
}

/** Throws `bad-option` unless these are {@link Crops}. */
export function checkCrops(crops: Crops): void {
  if (crops === "center" || crops === "five" || crops === "ten") return;
  const forms = '"center", "five", "ten" or { random: 5, reflect: true, seed: 0 }';
  if (typeof crops !== "object" || crops === null || crops.random === undefined) {
    throw new ConvzooError("bad-option", `crops is ${forms}, not ${JSON.stringify(crops)}.`);
  }
  const { random, reflect, seed } = withDefaults("crops", { random: 5, reflect: true, seed: 0 }, crops);
  integer("crops", "random", random, 1, 1000);
  integer("crops", "seed", seed, 0);
  if (typeof reflect !== "boolean") throw wrong("reflect is true or false");
}

const wrong = (problem: string): ConvzooError => new ConvzooError("bad-option", `crops: ${problem}.`);

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
  return cut(pixels, centerBox(pixels, crop));
}

/** The pixels of a box: a new image, black where the box reaches beyond the old one. */
export function cut(pixels: Pixels, { left, top, width, height, reflect = false }: CropBox): Pixels {
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
