/** Rounding to float16 and to int8, as the definitions have it: what weights that are kept so must come to. */

/** The bits of the halves nearest to floats, of two equally near ones the even one. */
export function toHalves(floats: Float32Array): Uint16Array {
  const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  const halves = new Uint16Array(floats.length);
  for (let i = 0; i < floats.length; i++) {
    const magnitude = bits[i]! & 0x7fffffff;
    // Below 2^-14 halves are multiples of 2^-24; from there on they have 13 bits less, and exponents of another start.
    const small = Math.abs(floats[i]!) * 2 ** 24;
    const half =
      small < 1024 ? nearest(small) : (magnitude - (112 << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
    if (half > 0x7bff) throw new RangeError(`${floats[i]} is beyond float16`);
    halves[i] = ((bits[i]! >>> 16) & 0x8000) | half;
  }
  return halves;
}

/** Weights after rounding each of `outputs` rows to 255 steps between minus and plus its largest magnitude. */
export function toSteps(floats: Float32Array, outputs: number): Float32Array {
  const depth = floats.length / outputs;
  const rounded = new Float32Array(floats.length);
  for (let start = 0; start < floats.length; start += depth) {
    const row = floats.subarray(start, start + depth);
    const step = Math.fround(row.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0) / 127);
    row.forEach((weight, i) => {
      rounded[start + i] = step && nearest(Math.fround(weight / step)) * step;
    });
  }
  return rounded;
}

function nearest(number: number): number {
  const below = Math.floor(number);
  const rest = number - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}
