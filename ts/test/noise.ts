/** The image of the golden cases under goldens/preprocess. */
import type { Pixels } from "../src/tensor.js";

/** Byte i is the top byte of fmix32(i + 1), MurmurHash3's finaliser. */
export function noise(width: number, height: number): Pixels {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    let x = i + 1;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return (x ^ (x >>> 16)) >>> 24;
  });
  return { width, height, data };
}
