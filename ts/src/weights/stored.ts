import type { Dtype, WeightTensor } from "./dtype.js";

/** A tensor of a checkpoint whose data is read when it is asked for. */
export interface StoredTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  read(): Promise<WeightTensor>;
}

export type StoredWeights = ReadonlyMap<string, StoredTensor>;
