/** tfjs by its fused operators, on the caller's thread. */
import type * as Tf from "@tensorflow/tfjs-core";
import { channelsLast, type Started, type Task } from "../engine.js";
import type { Window } from "../fold.js";
import type { Stored, StoredStep } from "../tfjs.js";

/** The package `@tensorflow/tfjs-core`: what runs a network has its own. */
type TfModule = typeof Tf;
type Map4 = Tf.Tensor4D;

/** `bytes` are those of a file that `toTfjs` wrote; the back end is there already. */
export async function startTfjs(tf: TfModule, backend: string, given: Task): Promise<Started> {
  const { input, bytes, pixels } = given;
  tf.enableProdMode();
  await tf.setBackend(backend);
  await tf.ready();
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  // What is made until its end is given back there.
  tf.engine().startScope();
  const json = new TextDecoder().decode(bytes.subarray(4, 4 + length));
  const steps = (JSON.parse(json) as StoredStep[]).map((step) => prepare(tf, step, bytes, 4 + length));
  const [, channels, height, width] = input as [number, number, number, number];
  const map = tf.tensor4d(channelsLast(pixels, input), [1, height, width, channels]);
  return {
    run: async () => {
      const output = tf.tidy(() => {
        const values: Tf.Tensor[] = [];
        for (const { inputs, run } of steps)
          values.push(run(inputs.length ? inputs.map((i) => values[i]!) : [map]));
        return values.at(-1)!;
      });
      const data = (await output.data()) as Float32Array;
      output.dispose();
      return data;
    },
    end: () => tf.engine().endScope(),
  };
}

interface Prepared {
  readonly inputs: readonly number[];
  readonly run: (inputs: readonly Tf.Tensor[]) => Tf.Tensor;
}

/** A step with its weights as tensors. */
function prepare(tf: TfModule, step: StoredStep, bytes: Uint8Array<ArrayBuffer>, from: number): Prepared {
  const { inputs, shape } = step;
  const floats = ({ at, length }: Stored) =>
    new Float32Array(bytes.buffer, bytes.byteOffset + from + 4 * at, length);
  const fused = "fused" in step ? step.fused : undefined;
  const after = (x: Tf.Tensor): Tf.Tensor =>
    fused === "relu" ? tf.relu(x) : fused === "relu6" ? tf.relu6(x) : x;
  switch (step.op) {
    case "input":
      return { inputs, run: ([x]) => x! };
    case "conv2d": {
      const bias = tf.tensor1d(floats(step.bias));
      const [out, rows, columns] = [bias.size, ...step.window.kernel];
      const each = step.weight.length / (out * rows * columns);
      const depthwise = step.groups > 1;
      const filter = tf.tensor4d(
        floats(step.weight),
        depthwise ? [rows, columns, out, 1] : [rows, columns, each, out],
      );
      const strides: [number, number] = [...step.window.stride];
      // Sides of their own are taken by the fused operators too, but missing in their types.
      const sides = pad(step.window) as unknown as "valid";
      const given = { filter, strides, pad: sides, bias, activation: fused ?? "linear" } as const;
      const conv = depthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
      return { inputs, run: ([x]) => conv({ x: x as Map4, ...given }) };
    }
    case "linear": {
      const bias = tf.tensor1d(floats(step.bias));
      const b = tf.tensor2d(floats(step.weight), [step.weight.length / bias.size, bias.size]);
      const activation = fused ?? "linear";
      return { inputs, run: ([a]) => tf.fused.matMul({ a: a as Tf.Tensor2D, b, bias, activation }) };
    }
    case "max_pool2d":
    case "avg_pool2d": {
      const { kernel, stride } = step.window;
      const pool = step.op === "max_pool2d" ? tf.maxPool : tf.avgPool;
      const sides = pad(step.window);
      return { inputs, run: ([x]) => pool(x as Map4, [...kernel], [...stride], sides) };
    }
    case "affine": {
      const [scale, shift] = [tf.tensor1d(floats(step.scale)), tf.tensor1d(floats(step.shift))];
      return { inputs, run: ([x]) => after(tf.add(tf.mul(x!, scale), shift)) };
    }
    case "add":
      return { inputs, run: (all) => after(all.reduce((a, b) => tf.add(a, b))) };
    case "mul":
      return { inputs, run: ([a, b]) => tf.mul(a!, b!) };
    case "concat":
      return { inputs, run: (all) => tf.concat([...all], shape.length === 3 ? 3 : 1) };
    case "global_avg_pool2d":
      return { inputs, run: ([x]) => tf.mean(x!, [1, 2], true) };
    case "flatten":
      return { inputs, run: ([x]) => tf.reshape(x!, [1, -1]) };
    case "activation": {
      const { kind } = step;
      if (kind === "silu") return { inputs, run: ([x]) => tf.mul(x!, tf.sigmoid(x!)) };
      const { relu, relu6, sigmoid } = tf;
      return { inputs, run: ([x]) => ({ relu, relu6, sigmoid })[kind](x!) };
    }
  }
}

const pad = ({ padding: [top, left, bottom, right] }: Window): Tf.backend_util.ExplicitPadding =>
  [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ] as Tf.backend_util.ExplicitPadding;
