/** A drawing as MNIST's makers prepared theirs: 20 pixels high or wide, its centre of mass in the middle of 28 x 28. */

interface Gray {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const SIDE = 28;
const INSIDE = 20;

/** White on black; a drawing without a stroke is black. */
export function centred(image: { width: number; height: number; data: Uint8ClampedArray }): Gray {
  const { width, height } = image;
  const at = (x: number, y: number) => image.data[4 * (y * width + x)] as number;
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (at(x, y) < 32) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
  }
  const data = new Uint8Array(SIDE * SIDE);
  if (right < 0) return { width: SIDE, height: SIDE, data };
  const step = (Math.max(right - left, bottom - top) + 1) / INSIDE;
  const small = shrink(at, { left, top, width, height }, step);
  const [cx, cy] = centreOf(small);
  const [dx, dy] = [Math.round(SIDE / 2 - 0.5 - cx), Math.round(SIDE / 2 - 0.5 - cy)];
  for (let y = 0; y < INSIDE; y++) {
    for (let x = 0; x < INSIDE; x++) {
      const [to, row] = [x + dx, y + dy];
      if (to >= 0 && to < SIDE && row >= 0 && row < SIDE)
        data[row * SIDE + to] = small[y * INSIDE + x] as number;
    }
  }
  return { width: SIDE, height: SIDE, data };
}

/** The mean of each `step` x `step` pixels from the top left corner on; beyond the drawing it is black. */
function shrink(
  at: (x: number, y: number) => number,
  { left, top, width, height }: { left: number; top: number; width: number; height: number },
  step: number,
): Uint8Array {
  const small = new Uint8Array(INSIDE * INSIDE);
  for (let y = 0; y < INSIDE; y++) {
    for (let x = 0; x < INSIDE; x++) {
      let [sum, count] = [0, 0];
      for (let v = Math.floor(top + y * step); v < top + (y + 1) * step; v++) {
        for (let u = Math.floor(left + x * step); u < left + (x + 1) * step; u++) {
          if (u < width && v < height) sum += at(u, v);
          count++;
        }
      }
      small[y * INSIDE + x] = Math.round(sum / count);
    }
  }
  return small;
}

function centreOf(small: Uint8Array): readonly [x: number, y: number] {
  let [mass, x, y] = [0, 0, 0];
  for (const [k, value] of small.entries()) {
    mass += value;
    x += value * (k % INSIDE);
    y += value * Math.floor(k / INSIDE);
  }
  return [x / mass, y / mass];
}
