/** What the residual and dense networks for CIFAR share: 32 x 32 pixels, three stages of equal blocks. */
import { integer } from "../check.js";
import { ConvzooError } from "../errors.js";
import { type Module, sequential } from "../layers.js";
import { type Check, repeats } from "./options.js";

/** A depth of `others` layers, and `layers` for each of the blocks that every stage has. */
export const depthOf =
  (layers: number, others: number): Check<number> =>
  (where, name, value) => {
    const blocks = (integer(where, name, value, layers + others) - others) / layers;
    if (Number.isInteger(blocks)) repeats(where, `the number of blocks that follows from ${name}`, blocks);
    else {
      const wanted = `${others} more than a multiple of ${layers}`;
      throw new ConvzooError("bad-option", `${where}: ${name} must be ${wanted}, but is ${value}.`);
    }
    return value;
  };

/** Three stages of blocks, each with its width; the first block of the second and the third strides. */
export function stages(
  from: number,
  widths: readonly [number, number, number],
  blocks: number,
  block: (from: number, to: number, stride: number) => Module,
): readonly [Module, Module, Module] {
  const stage = (to: number, before: number, stride: number): Module => {
    const rest = Array.from({ length: blocks - 1 }, () => block(to, to, 1));
    return sequential(block(before, to, stride), ...rest);
  };
  const [first, second, third] = widths;
  return [stage(first, from, 1), stage(second, first, 2), stage(third, second, 2)];
}
