/**
 * Writes a folded model as a .tflite (a flatbuffer), channels-last and float32, as LiteRT's converters would: one operator
 * a step, padding that TensorFlow's SAME does not mean as a PAD before it, which XNNPACK folds into the convolution.
 */
import { Builder, type Offset } from "flatbuffers";
import type { Step, Window } from "../ts/src/cli/bench/fold.js";

/** What of TFLite's schema (version 3) is used here: codes of operators, and of the options that go with them. */
const CODES = {
  ADD: 0,
  AVERAGE_POOL_2D: 1,
  CONCATENATION: 2,
  CONV_2D: 3,
  DEPTHWISE_CONV_2D: 4,
  FULLY_CONNECTED: 9,
  LOGISTIC: 14,
  MAX_POOL_2D: 17,
  MUL: 18,
  RELU: 19,
  RELU6: 21,
  RESHAPE: 22,
  PAD: 34,
  MEAN: 40,
} as const;
const OPTIONS = {
  conv: 1,
  depthwise: 2,
  pool: 5,
  linear: 8,
  concat: 10,
  add: 11,
  reshape: 17,
  mul: 21,
  reduce: 27,
};
const FLOAT32 = 0;
const INT32 = 2;
const SAME = 0;
const VALID = 1;
const FUSED = { none: 0, relu: 1, relu6: 3 } as const;

/** A field of a table: the value's type, and the value. A table is a list of fields, `undefined` where one is left out. */
type Field = readonly ["i8" | "i32" | "offset", number] | undefined;

const i8 = (value: number): Field => ["i8", value];
const i32 = (value: number): Field => ["i32", value];
const offset = (value: Offset): Field => ["offset", value];

function table(builder: Builder, fields: readonly Field[]): Offset {
  builder.startObject(fields.length);
  for (const [slot, field] of fields.entries()) {
    if (field?.[0] === "i8") builder.addFieldInt8(slot, field[1], 0);
    if (field?.[0] === "i32") builder.addFieldInt32(slot, field[1], 0);
    if (field?.[0] === "offset") builder.addFieldOffset(slot, field[1], 0);
  }
  return builder.endObject();
}

function ints(builder: Builder, values: readonly number[]): Offset {
  builder.startVector(4, values.length, 4);
  for (const value of values.toReversed()) builder.addInt32(value);
  return builder.endVector();
}

function tables(builder: Builder, offsets: readonly Offset[]): Offset {
  builder.startVector(4, offsets.length, 4);
  for (const one of offsets.toReversed()) builder.addOffset(one);
  return builder.endVector();
}

/** A tensor's elements; XNNPACK wants them on a boundary of 16 bytes. */
function buffer(builder: Builder, data: Float32Array | Int32Array): Offset {
  builder.startVector(1, data.byteLength, 16);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return table(builder, [offset(builder.createByteVector(bytes))]);
}

export function toTflite(steps: readonly Step[]): Uint8Array {
  const size = steps.reduce((sum, step) => sum + ("weight" in step ? step.weight.byteLength : 0), 1 << 20);
  const builder = new Builder(size);
  // The first buffer is the empty one, of tensors that are computed.
  const buffers = [table(builder, [])];
  const tensors: Offset[] = [];
  const operators: Offset[] = [];
  const codes: (keyof typeof CODES)[] = [];

  const tensor = (shape: readonly number[], data?: Float32Array | Int32Array): number => {
    const at = data ? buffers.push(buffer(builder, data)) - 1 : 0;
    const name = builder.createString(`t${tensors.length}`);
    const type = data instanceof Int32Array ? INT32 : FLOAT32;
    const fields = [offset(ints(builder, shape)), i8(type), i32(at), offset(name)];
    return tensors.push(table(builder, fields)) - 1;
  };
  const operator = (
    code: keyof typeof CODES,
    inputs: readonly number[],
    output: number,
    kind = 0,
    options: readonly Field[] = [],
  ): number => {
    if (!codes.includes(code)) codes.push(code);
    const [from, to] = [ints(builder, inputs), ints(builder, [output])];
    const fields = [i32(codes.indexOf(code)), offset(from), offset(to), i8(kind)];
    operators.push(table(builder, kind ? [...fields, offset(table(builder, options))] : fields));
    return output;
  };
  const float = (data: Float32Array, ...shape: number[]): number => tensor(shape, data);

  /** The tensor of each step. */
  const values: number[] = [];
  for (const step of steps) {
    const inputs = step.inputs.map((input) => values[input]!);
    const input = inputs[0]!;
    const from = steps[step.inputs[0]!]?.shape ?? [];
    const output = tensor(lastly(step.shape));
    const fused = i8(FUSED[("fused" in step && step.fused) || "none"]);
    /** The step's input with its padding, and the kind of padding that is left to the operator. */
    const padded = (window: Window): [number, Field] => {
      if (window.padding.every((side) => side === 0)) return [input, i8(VALID)];
      if (String(window.padding) === String(sameAs(window, from))) return [input, i8(SAME)];
      const [top, left, bottom, right] = window.padding;
      const [channels, height, width] = from as [number, number, number];
      const map = tensor([1, height + top + bottom, width + left + right, channels]);
      const sides = tensor([4, 2], Int32Array.of(0, 0, top, bottom, left, right, 0, 0));
      // Zeros do for a maximum too, since every such pooling here reads the output of a relu.
      return [operator("PAD", [input, sides], map), i8(VALID)];
    };
    switch (step.op) {
      case "input":
        break;
      case "conv2d": {
        const { kernel, stride, dilation } = step.window;
        const [map, padding] = padded(step.window);
        const [out, channels] = [step.shape[0]!, from[0]!];
        const window = [padding, i32(stride[1]), i32(stride[0])];
        const dilated = [i32(dilation[1]), i32(dilation[0])];
        const bias = float(step.bias, out);
        if (step.groups > 1 && step.groups === channels && out === channels) {
          // [C, H, W, 1] as [1, H, W, C].
          const weight = float(flip(step.weight, out), 1, ...kernel, out);
          const options = [...window, i32(1), fused, ...dilated];
          operator("DEPTHWISE_CONV_2D", [map, weight, bias], output, OPTIONS.depthwise, options);
        } else {
          const weight = float(step.weight, out, ...kernel, channels / step.groups);
          operator("CONV_2D", [map, weight, bias], output, OPTIONS.conv, [...window, fused, ...dilated]);
        }
        break;
      }
      case "max_pool2d":
      case "avg_pool2d": {
        const { kernel, stride } = step.window;
        const [map, padding] = padded(step.window);
        const options = [padding, i32(stride[1]), i32(stride[0]), i32(kernel[1]), i32(kernel[0])];
        operator(
          step.op === "max_pool2d" ? "MAX_POOL_2D" : "AVERAGE_POOL_2D",
          [map],
          output,
          OPTIONS.pool,
          options,
        );
        break;
      }
      case "linear": {
        const weight = float(step.weight, step.shape[0]!, from[0]!);
        const bias = float(step.bias, step.shape[0]!);
        operator("FULLY_CONNECTED", [input, weight, bias], output, OPTIONS.linear, [fused]);
        break;
      }
      case "affine": {
        const scaled = tensor(lastly(step.shape));
        operator("MUL", [input, float(step.scale, step.scale.length)], scaled, OPTIONS.mul, []);
        operator("ADD", [scaled, float(step.shift, step.shift.length)], output, OPTIONS.add, [fused]);
        break;
      }
      case "add": {
        let sum = input;
        for (const [i, other] of inputs.entries()) {
          const last = i === inputs.length - 1;
          if (i > 0)
            sum = operator("ADD", [sum, other], last ? output : tensor(lastly(step.shape)), OPTIONS.add, [
              last ? fused : undefined,
            ]);
        }
        break;
      }
      case "mul":
        operator("MUL", inputs, output, OPTIONS.mul, []);
        break;
      case "concat":
        operator("CONCATENATION", inputs, output, OPTIONS.concat, [i32(step.shape.length === 3 ? 3 : 1)]);
        break;
      case "global_avg_pool2d":
        operator("MEAN", [input, tensor([2], Int32Array.of(1, 2))], output, OPTIONS.reduce, [i8(1)]);
        break;
      case "flatten": {
        const shape = lastly(step.shape);
        operator("RESHAPE", [input, tensor([2], Int32Array.from(shape))], output, OPTIONS.reshape, [
          offset(ints(builder, shape)),
        ]);
        break;
      }
      case "activation":
        if (step.kind === "silu")
          operator(
            "MUL",
            [input, operator("LOGISTIC", [input], tensor(lastly(step.shape)))],
            output,
            OPTIONS.mul,
          );
        else
          operator(
            ({ relu: "RELU", relu6: "RELU6", sigmoid: "LOGISTIC" } as const)[step.kind],
            [input],
            output,
          );
        break;
    }
    values.push(output);
  }

  const ends = [ints(builder, [values[0]!]), ints(builder, [values.at(-1)!])];
  const lists = [tables(builder, tensors), ...ends, tables(builder, operators)];
  const graph = table(builder, lists.map(offset));
  const known = codes.map((code) => {
    // The code stands in the old field of one byte and in the new one.
    return table(builder, [i8(CODES[code]), undefined, i32(1), i32(CODES[code])]);
  });
  const parts = [tables(builder, known), tables(builder, [graph]), builder.createString("convzoo bench")];
  const root = table(builder, [i32(3), ...parts.map(offset), offset(tables(builder, buffers))]);
  builder.finish(root, "TFL3");
  return builder.asUint8Array();
}

/** [C, H, W] as [1, H, W, C]; [F] as [1, F]. */
const lastly = ([channels = 0, ...map]: readonly number[]): number[] => [1, ...map, channels];

/** The padding that TensorFlow's SAME means for a window on a map: the smaller half in front. */
function sameAs(
  { kernel, stride, dilation }: Window,
  [, height = 0, width = 0]: readonly number[],
): number[] {
  const [rows, columns] = [height, width].map((size, axis) => {
    const reach =
      (Math.ceil(size / stride[axis]!) - 1) * stride[axis]! + dilation[axis]! * (kernel[axis]! - 1) + 1;
    return Math.max(0, reach - size);
  }) as [number, number];
  return [rows >> 1, columns >> 1, rows - (rows >> 1), columns - (columns >> 1)];
}

/** [rows, n] as [n, rows]. */
function flip(data: Float32Array, rows: number): Float32Array {
  const n = data.length / rows;
  return data.map((_, i) => data[(i % rows) * n + Math.floor(i / rows)]!);
}
