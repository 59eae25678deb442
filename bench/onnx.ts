/** Writes a graph with its weights as an ONNX model, so that a peer runs the very same numbers. */
import protobuf from "protobufjs";
import { type Graph, neededBy } from "../ts/src/graph.js";
import type { Weights } from "./fold.js";

/** The part of onnx.proto3 that is written here. */
const SCHEMA = `
syntax = "proto3";
message Attribute { string name = 1; float f = 2; int64 i = 3; repeated int64 ints = 8 [packed = true]; int32 type = 20; }
message Node { repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4; repeated Attribute attribute = 5; }
message Tensor { repeated int64 dims = 1 [packed = true]; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
message Dimension { int64 dim_value = 1; }
message Shape { repeated Dimension dim = 1; }
message TensorType { int32 elem_type = 1; Shape shape = 2; }
message Type { TensorType tensor_type = 1; }
message Value { string name = 1; Type type = 2; }
message Graph { repeated Node node = 1; string name = 2; repeated Tensor initializer = 5; repeated Value input = 11; repeated Value output = 12; }
message Opset { string domain = 1; int64 version = 2; }
message Model { int64 ir_version = 1; string producer_name = 2; Graph graph = 7; repeated Opset opset_import = 8; }
`;

const FLOAT = 1;
const INT = 2;
const INTS = 7;

/** `input` is [1, C, H, W]. Throws where the net has an operator that no benchmark needed yet. */
export function toOnnx(graph: Graph, weights: Weights, input: readonly number[]): Uint8Array {
  const ints = (name: string, values: readonly number[]) => ({ name, type: INTS, ints: values });
  const int = (name: string, value: number) => ({ name, type: INT, i: value });
  const float = (name: string, value: number) => ({ name, type: FLOAT, f: value });
  const name = (id: number) => `v${id}`;
  const initializer: object[] = [];
  const constant = (
    name: string,
    dims: readonly number[],
    { buffer, byteOffset, byteLength }: Float32Array,
  ) => {
    const raw_data = new Uint8Array(buffer, byteOffset, byteLength);
    initializer.push({ name, dims, data_type: FLOAT, raw_data });
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
  const node = graph.nodes.flatMap((node, id) => {
    if (node.op === "input" || !needed.has(id)) return [];
    const inputs = node.inputs.map(name);
    const make = (op_type: string, attribute: object[] = [], more: string[] = []) => [
      { op_type, name: `n${id}`, input: [...inputs, ...more], output: [name(id)], attribute },
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
          { op_type: "Sigmoid", name: `n${id}s`, input: [from], output: [`${to}s`], attribute: [] },
          { op_type: "Mul", name: `n${id}`, input: [from, `${to}s`], output: [to], attribute: [] },
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
  const value = (name: string, dims: readonly number[]) => ({
    name,
    type: { tensor_type: { elem_type: FLOAT, shape: { dim: dims.map((dim_value) => ({ dim_value })) } } },
  });
  const root = protobuf.parse(SCHEMA, { keepCase: true }).root;
  const Model = root.lookupType("Model");
  const output = [{ name: name(graph.output), type: { tensor_type: { elem_type: FLOAT } } }];
  return Model.encode(
    Model.fromObject({
      ir_version: 8,
      producer_name: "convzoo bench",
      opset_import: [{ domain: "", version: 13 }],
      graph: { name: "net", node, initializer, input: [value(name(0), input)], output },
    }),
  ).finish();
}
