/** The crops of an image that a network sees at a time. Loaded when first asked for. */
import { flag, integer, withDefaults } from "../check.js";
import { ConvzooError } from "../errors.js";
import { generator } from "../random.js";
import type { View } from "./crop.js";

/**
 * Which parts of an image the network sees:
 *
 * - `"center"`: the square in the middle;
 * - `"five"`: the four corners and the middle, as torchvision's `FiveCrop`;
 * - `"ten"`: these and those of the reflected image, as torchvision's `TenCrop` and AlexNet's paper (section 4.1);
 * - `{ random: 5, reflect: true, seed: 0 }`: so many at random places, up to 1000, and, unless `reflect` is false, the
 *   reflection of each. A seed's places are the same in every runtime; 0 unless given.
 */
export type Crops =
  | "center"
  | "five"
  | "ten"
  | { readonly random: number; readonly reflect?: boolean; readonly seed?: number };

/** The views of `crops`, in the order of their images. Throws `bad-option`. */
export function viewsOf(crops: Crops): readonly View[] {
  if (typeof crops === "object" && crops !== null) return randomViews(crops);
  switch (crops) {
    case "center":
      return [{ at: "center", reflect: false }];
    case "five":
      return five(false);
    case "ten":
      return [...five(false), ...five(true)];
  }
  const forms = '"center", "five", "ten" or { random: 5, reflect: true, seed: 0 }';
  throw new ConvzooError("bad-option", `crops is ${forms}, not ${JSON.stringify(crops)}.`);
}

/** The corners of the image, turned round or not, from the top left on, and its middle. */
function five(reflect: boolean): View[] {
  const [left, right] = reflect ? [1, 0] : [0, 1];
  const corners = [[left, 0] as const, [right, 0] as const, [left, 1] as const, [right, 1] as const];
  return [...corners, "center" as const].map((at) => ({ at, reflect }));
}

function randomViews(crops: Exclude<Crops, string>): readonly View[] {
  const given = withDefaults("crops", { random: 0, reflect: true, seed: 0 }, crops);
  const count = integer("crops", "random", given.random, 1, 1000);
  const reflect = flag("crops", "reflect", given.reflect);
  const random = generator(integer("crops", "seed", given.seed, 0));
  const views = Array.from({ length: count }, () => ({ at: [random(), random()] as const, reflect: false }));
  return reflect ? views.flatMap((view) => [view, { ...view, reflect }]) : views;
}
