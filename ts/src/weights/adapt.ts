/** Weights that stand in for those of a checkpoint that was made for another number of classes or channels. */
import { elementCount, toFloat32 } from "./dtype.js";
import type { StoredTensor } from "./stored.js";

/** A tensor of zeros. */
export function zeros(shape: readonly number[]): StoredTensor {
  const data = () => new Float32Array(elementCount(shape));
  return { dtype: "f32", shape, read: async () => ({ dtype: "f32", shape, data: data() }) };
}

/** A convolution's weights [out, in, h, w] as [out, 1, h, w]: their sums over `in`, computed in float64 and rounded once. */
export function sumChannels(tensor: StoredTensor): StoredTensor {
  const [out, channels, rows, columns] = tensor.shape as [number, number, number, number];
  const size = rows * columns;
  const shape = [out, 1, rows, columns];
  return {
    dtype: "f32",
    shape,
    async read() {
      const weights = toFloat32(await tensor.read());
      const sums = Float32Array.from({ length: out * size }, (_, i) => {
        const first = Math.floor(i / size) * channels * size + (i % size);
        let sum = 0;
        for (let c = 0; c < channels; c++) sum += weights[first + c * size]!;
        return sum;
      });
      return { dtype: "f32", shape, data: sums };
    },
  };
}
