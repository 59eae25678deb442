/**
 * A folded model for tfjs: one file, a JSON of the steps after its length in 4 bytes, then the weights in the order of
 * the layouts that tfjs has, where the JSON has `{ at, length }`, counted in floats.
 */
import { type Step, transpose } from "./fold.js";

/** Where in the file's floats an array stands. */
export interface Stored {
  readonly at: number;
  readonly length: number;
}

/** A {@link Step} with its arrays stored; `weight` is [H, W, I, O], for depthwise [H, W, C, 1], for linear [I, O]. */
export type StoredStep = StoredArrays<Step>;
type StoredArrays<T> = T extends unknown
  ? { [K in keyof T]: T[K] extends Float32Array ? Stored : T[K] }
  : never;

/** Throws where a net has an operator that tfjs lacks. */
export function toTfjs(steps: readonly Step[]): Uint8Array {
  const arrays: Float32Array[] = [];
  let at = 0;
  const store = (data: Float32Array): Stored => {
    arrays.push(data);
    at += data.length;
    return { at: at - data.length, length: data.length };
  };
  const laid = steps.map((step) => {
    if (step.op === "linear") {
      const out = step.bias.length;
      return { ...step, weight: transpose(step.weight, [out, step.weight.length / out], [1, 0]) };
    }
    if (step.op !== "conv2d") return step;
    const shape = [step.bias.length, ...step.window.kernel];
    const each = step.weight.length / shape.reduce((a, b) => a * b);
    if (step.groups > 1 && (each > 1 || step.groups < step.bias.length))
      throw new Error("no tfjs form of a grouped convolution here yet");
    const order = step.groups > 1 ? [1, 2, 0, 3] : [1, 2, 3, 0];
    return { ...step, weight: transpose(step.weight, [...shape, each], order) };
  });
  const json = JSON.stringify(laid, (_, value) => (value instanceof Float32Array ? store(value) : value));
  const head = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 4) * 4));
  const bytes = new Uint8Array(4 + head.length + 4 * at);
  new DataView(bytes.buffer).setUint32(0, head.length, true);
  bytes.set(head, 4);
  let next = 4 + head.length;
  for (const data of arrays) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), next);
    next += data.byteLength;
  }
  return bytes;
}
