"""Writes ts/test/goldens/onnx: small ONNX models, each with what onnxruntime makes of an input.

usage: python scripts/make_onnx_cases.py            needs: onnx 1.23, onnxruntime 1.32, torch 2.15, onnxscript, numpy

Models by hand, for every operator in the forms that opsets 7 to 21 give it, and exports of small PyTorch modules by
both of its exporters. cases.json holds the inputs' shapes and the outputs; the inputs follow the golden recipe (the key
"input", the case's place as its seed). What a case `refuses` instead is the operator that no layer is.
"""
import io
import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

OUT = pathlib.Path(__file__).resolve().parent.parent / "ts/test/goldens/onnx"
sys.path.insert(0, str(OUT.parent))
from recipe import fill_input  # noqa: E402

RANDOM = np.random.default_rng(7)
CASES: list[dict] = []


def numbers(*shape: int, low: float = -1, high: float = 1, dtype=np.float32) -> np.ndarray:
    return RANDOM.uniform(low, high, shape).astype(dtype)


def node(op: str, inputs: str, output: str = "y", **attributes) -> onnx.NodeProto:
    """`inputs` and `output` are names with spaces between; "-" is an input that is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, output.split(), name=f"{op}_{output.split()[0]}", **attributes)


def graph(name, opset, shape, nodes, refuses=None, outputs=("y",), dims=None, typed=False, **constants) -> None:
    """One model: `constants` are its initialisers, `dims` what it says of its input's shape."""
    tensors = []
    for key, value in constants.items():
        value = np.asarray(value)
        key = key.replace("__", ".")
        if typed:
            kind = helper.np_dtype_to_tensor_dtype(value.dtype)
            tensors.append(helper.make_tensor(key, kind, value.shape, value.flatten().tolist()))
        else:
            tensors.append(numpy_helper.from_array(value, key))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims or shape)]
    if opset < 9:  # where initialisers are inputs as well
        inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in tensors]
    results = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None) for output in outputs]
    made = helper.make_graph(nodes, "net", inputs, results, tensors)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=3 if opset < 9 else 8)
    case(name, model, shape, refuses)


def case(name: str, model: onnx.ModelProto, shape: list[int], refuses: str | None = None) -> None:
    seed = len(CASES)
    (OUT / f"{name}.onnx").write_bytes(model.SerializeToString())
    found: dict = {"name": name, "shape": shape, "seed": seed}
    if refuses:
        found["refuses"] = refuses
    else:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        y = session.run(None, {session.get_inputs()[0].name: fill_input(tuple(shape), seed).astype(np.float32)})[0]
        found |= {"output_shape": list(y.shape), "output": [float(f"{v:.9g}") for v in y.flatten()]}
    CASES.append(found)


def one(name, op, shape=(1, 4, 5, 6), opset=13, refuses=None, inputs="x", attributes=None, typed=False, **constants) -> None:
    """A model of one node."""
    nodes = [node(op, " ".join([inputs, *(key.replace("__", ".") for key in constants)]), **(attributes or {}))]
    graph(name, opset, list(shape), nodes, refuses, typed=typed, **constants)


def windows() -> None:
    conv = {"c__weight": numbers(6, 2, 3, 3), "c__bias": numbers(6)}
    one("conv", "Conv", attributes={"group": 2, "pads": [1, 0, 2, 1], "strides": [2, 1], "kernel_shape": [3, 3]}, **conv)
    one("conv_dilated", "Conv", opset=7, attributes={"group": 2, "dilations": [2, 1]}, **conv)
    for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        attributes = {"auto_pad": auto, "strides": [2, 3], "group": 2}
        one(f"conv_{auto.lower()}", "Conv", opset=21, attributes=attributes, shape=(1, 4, 7, 8), **conv)
    graph("conv_of_values", 13, [1, 4, 5, 6], [node("Conv", "x x")], refuses="Conv_y")
    for opset in (7, 8, 10, 12):
        attributes = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 1, 1, 1]}
        one(f"max_pool_{opset}", "MaxPool", opset=opset, attributes=attributes)
    one("max_pool_plain", "MaxPool", attributes={"kernel_shape": [2, 3]})
    one("max_pool_ceil", "MaxPool", attributes={"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, shape=(1, 2, 6, 7))
    one("max_pool_dilated", "MaxPool", attributes={"kernel_shape": [2, 2], "dilations": [2, 3]})
    one("max_pool_uneven", "MaxPool", attributes={"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]}, shape=(1, 2, 6, 6))
    one("max_pool_same", "MaxPool", attributes={"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}, shape=(1, 2, 6, 7))
    for counts in (0, 1):
        attributes = {"kernel_shape": [3, 3], "strides": [2, 1], "pads": [1, 1, 1, 1], "count_include_pad": counts}
        one(f"average_pool_{counts}", "AveragePool", opset=11, attributes=attributes)
    attributes = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1], "count_include_pad": 1}
    one("average_pool_uneven", "AveragePool", attributes=attributes, shape=(1, 2, 6, 6))
    one("average_pool_ceil", "AveragePool", opset=19, attributes={"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, shape=(1, 2, 6, 6))
    one("average_pool_dilated", "AveragePool", opset=19, attributes={"kernel_shape": [2, 2], "dilations": [2, 3]})
    one("global_average_pool", "GlobalAveragePool")
    one("global_max_pool", "GlobalMaxPool")


def dense() -> None:
    flat = node("Flatten", "x", "f")
    w, b = {"fc__weight": numbers(5, 24)}, {"fc__bias": numbers(5)}
    gemm = node("Gemm", "f fc.weight fc.bias", transB=1)
    graph("gemm", 13, [2, 2, 3, 4], [flat, gemm], **w, **b)
    graph("gemm_typed", 13, [1, 2, 3, 4], [flat, gemm], typed=True, **w, **b)
    graph("gemm_scaled", 9, [1, 2, 3, 4], [flat, node("Gemm", "f m b", alpha=0.5, beta=-2.0)], m=numbers(24, 5), b=numbers(1, 5))
    graph("gemm_alone", 13, [1, 2, 3, 4], [flat, node("Gemm", "f m", alpha=3.0)], m=numbers(24, 5))
    graph("gemm_one_bias", 7, [1, 2, 3, 4], [flat, node("Gemm", "f fc.weight b", transB=1, beta=0.25)], b=numbers(1), **w)
    graph("gemm_float16", 13, [1, 2, 3, 4], [flat, node("Cast", "w", "v", to=1), node("Gemm", "f v", transB=1)], w=numbers(5, 24, dtype=np.float16))
    graph("gemm_double", 13, [1, 2, 3, 4], [flat, node("Cast", "w", "v", to=1), node("Gemm", "f v", transB=1)], w=numbers(5, 24, dtype=np.float64), typed=True)
    graph("mat_mul", 13, [1, 2, 3, 4], [flat, node("MatMul", "f m", "p"), node("Add", "b p")], m=numbers(24, 5), b=numbers(5))
    graph("mat_mul_turned", 13, [1, 2, 3, 4], [flat, node("Transpose", "m", "t", perm=[1, 0]), node("MatMul", "f t")], m=numbers(5, 24))
    last = [node("Transpose", "x", "t", perm=[0, 2, 3, 1])]
    graph("mat_mul_per_pixel", 13, [1, 4, 2, 3], [*last, node("MatMul", "t m", "p"), node("Transpose", "p", perm=[0, 3, 1, 2])], m=numbers(4, 5))
    graph("flatten_channels_last", 13, [1, 4, 2, 3], [*last, node("Reshape", "t s", "f"), node("MatMul", "f m")], s=np.array([-1, 24]), m=numbers(24, 5))
    image = [node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("Conv", "t c.weight")]
    graph("input_channels_last", 13, [1, 5, 6, 3], image, c__weight=numbers(4, 3, 3, 3))
    graph("mat_mul_of_values", 13, [1, 2, 3, 3], [node("MatMul", "x x")], refuses="MatMul_y")
    norm = {"scale": numbers(4), "b": numbers(4), "mean": numbers(4), "var": numbers(4, low=0.5)}
    one("batch_norm", "BatchNormalization", opset=9, attributes={"epsilon": 1e-3}, **norm)
    one("batch_norm_15", "BatchNormalization", opset=15, **norm)
    graph("layer_norm", 17, [1, 4, 2, 3], [*last, node("LayerNormalization", "t w b", "p"), node("Transpose", "p", perm=[0, 3, 1, 2])], w=numbers(4), b=numbers(4))
    graph("layer_norm_flat", 17, [2, 3, 2, 2], [node("Flatten", "x", "f"), node("LayerNormalization", "f w", axis=1, epsilon=0.01)], w=numbers(12))
    one("lrn", "LRN", shape=(1, 7, 2, 3), attributes={"size": 5, "alpha": 0.5, "beta": 0.75, "bias": 2.0})
    one("lrn_even", "LRN", attributes={"size": 2}, refuses="LRN_y")


def pointwise() -> None:
    for op in ("Relu", "Sigmoid", "Tanh"):
        one(op.lower(), op, opset=7)
    one("hard_sigmoid", "HardSigmoid")
    one("hard_sigmoid_sixth", "HardSigmoid", attributes={"alpha": 1 / 6})
    one("hard_swish", "HardSwish", opset=14)
    one("leaky_relu", "LeakyRelu", attributes={"alpha": 0.25})
    one("gelu", "Gelu", opset=20)
    one("gelu_tanh", "Gelu", opset=20, attributes={"approximate": "tanh"}, refuses="Gelu_y")
    one("p_relu", "PRelu", slope=numbers(4, 1, 1))
    one("p_relu_one", "PRelu", slope=numbers(1))
    one("elu", "Elu", refuses="Elu_y")
    six = [node("Mul", "x k", "m"), node("Clip", "m", min=0.0, max=6.0)]
    graph("clip_7", 7, [1, 4, 5, 6], six, k=np.float32(9))
    one("clip_13", "Clip", least=np.float32(0), most=np.float32(6))
    one("clip_below", "Clip", least=np.float32(0))
    one("clip_other", "Clip", least=np.float32(-1), most=np.float32(1), refuses="Clip_y")
    for opset, axis in ((7, 1), (12, 1), (13, -1)):
        graph(f"softmax_{opset}", opset, [2, 4, 1, 3], [node("Flatten", "x", "f"), node("Softmax", "f", axis=axis)])
    one("softmax_map", "Softmax", attributes={"axis": 1})
    one("softmax_rows", "Softmax", attributes={"axis": 2}, refuses="Softmax_y")
    one("softmax_12_map", "Softmax", opset=12, attributes={"axis": 1}, refuses="Softmax_y")
    graph("log_softmax", 13, [2, 4, 1, 3], [node("Flatten", "x", "f"), node("LogSoftmax", "f")])
    arithmetic = [node("Add", "x a", "p"), node("Sub", "p b", "q"), node("Mul", "c q", "r"), node("Div", "r d", "s"), node("Sub", "e s")]
    constants = {"a": numbers(4, 1, 1), "b": numbers(1), "c": numbers(1, 4, 1, 1), "d": numbers(low=1), "e": numbers(4, 1, 1)}
    graph("arithmetic", 13, [1, 4, 5, 6], arithmetic, **constants)
    one("add_rows", "Add", a=numbers(5, 1), refuses="Add_y")
    graph("add_values", 13, [1, 4, 3, 3], [node("Relu", "x", "r"), node("Add", "r x", "s"), node("Add", "s s", "t"), node("Sub", "t r")])
    graph("sum", 8, [1, 4, 3, 3], [node("Relu", "x", "r"), node("Tanh", "x", "t"), node("Sum", "x r t")])
    graph("div_values", 13, [1, 4, 3, 3], [node("Div", "x x")], refuses="Div_y")
    graph("silu", 13, [1, 4, 3, 3], [node("Sigmoid", "x", "s"), node("Mul", "x s")])
    graph("hard_swish_parts", 13, [1, 4, 3, 3], [node("HardSigmoid", "x", "s", alpha=1 / 6), node("Mul", "s x")])
    graph("mul_values", 13, [1, 4, 3, 3], [node("Relu", "x", "r"), node("Mul", "x r")])
    scale = [node("GlobalAveragePool", "x", "g"), node("Sigmoid", "g", "s"), node("Mul", "s x")]
    graph("squeeze", 13, [1, 4, 3, 3], scale)
    root = {"r": np.float32(np.sqrt(2)), "l": np.float32(1), "h": np.float32(0.5)}
    graph("gelu_written_out", 13, [1, 4, 3, 3], [node("Div", "x r", "d"), node("Erf", "d", "e"), node("Add", "e l", "p"), node("Mul", "x p", "m"), node("Mul", "m h")], **root)
    graph("gelu_halved_first", 13, [1, 4, 3, 3], [node("Mul", "x h", "g"), node("Div", "x r", "d"), node("Erf", "d", "e"), node("Add", "e l", "p"), node("Mul", "g p")], **root)
    graph("erf", 13, [1, 4, 3, 3], [node("Erf", "x")], refuses="Erf_y")
    graph("passed_on", 13, [1, 4, 3, 3], [node("Identity", "x", "i"), node("Dropout", "i", "d"), node("Cast", "d", "c", to=1), node("Relu", "c")])


def moves() -> None:
    linear = {"m": numbers(24, 5)}
    to_flat = lambda *steps: [*steps, node("MatMul", "f m")]  # noqa: E731
    graph("reshape", 13, [2, 2, 3, 4], to_flat(node("Reshape", "x s", "f")), s=np.array([0, -1]), **linear)
    graph("reshape_typed", 13, [2, 2, 3, 4], to_flat(node("Reshape", "x s", "f")), s=np.array([-1, 24]), m=numbers(24, 5), typed=True)
    shape = [node("Shape", "x", "n"), node("Gather", "n i", "g"), node("Unsqueeze", "g a", "u"), node("Concat", "u e", "s", axis=0), node("Reshape", "x s", "f")]
    graph("reshape_by_shape", 13, [2, 2, 3, 4], to_flat(*shape), dims=["N", 2, 3, 4], i=np.array(0), a=np.array([0]), e=np.array([-1]), **linear)
    pooled = node("GlobalAveragePool", "x", "g")
    graph("squeezed_7", 7, [2, 3, 4, 5], [pooled, node("Squeeze", "g", "f", axes=[2, 3]), node("MatMul", "f m")], m=numbers(3, 5))
    graph("squeezed_13", 13, [2, 3, 4, 5], [pooled, node("Squeeze", "g a", "f"), node("MatMul", "f m")], a=np.array([2, 3]), m=numbers(3, 5))
    for opset in (13, 18):
        attributes = {} if opset >= 18 else {"axes": [2, 3]}
        more = {"a": np.array([-1, -2])} if opset >= 18 else {}
        graph(f"reduce_mean_{opset}", opset, [2, 3, 4, 5], [node("ReduceMean", " ".join(["x", *more]), keepdims=0, **attributes)], **more)
    graph("reduce_mean_kept", 13, [2, 3, 4, 5], [node("ReduceMean", "x", axes=[2, 3])])
    graph("reduce_mean_rows", 13, [2, 3, 4, 5], [node("ReduceMean", "x", axes=[2])], refuses="ReduceMean_y")
    excite = [pooled, node("Squeeze", "g a", "f"), node("MatMul", "f m", "h"), node("Sigmoid", "h", "s"), node("Unsqueeze", "s a", "u"), node("Mul", "x u")]
    graph("squeeze_by_linear", 13, [1, 3, 4, 5], excite, a=np.array([2, 3]), m=numbers(3, 3))
    shuffle = [node("Reshape", "x a", "p"), node("Transpose", "p", "q", perm=[0, 2, 1, 3, 4]), node("Reshape", "q b", "r")]
    graph("shuffle", 13, [1, 6, 2, 3], [*shuffle, node("Relu", "r")], a=np.array([1, 2, 3, 2, 3]), b=np.array([1, 6, 2, 3]))
    graph("transposed", 13, [1, 3, 4, 4], [node("Transpose", "x", "t", perm=[0, 1, 3, 2]), node("Conv", "t w")], w=numbers(2, 3, 1, 1), refuses="Conv_y")
    graph("concat", 13, [1, 3, 4, 4], [node("Relu", "x", "r"), node("Tanh", "x", "t"), node("Concat", "r t x", axis=1)])
    graph("concat_rows", 13, [1, 3, 4, 4], [node("Relu", "x", "r"), node("Concat", "r x", axis=2)], refuses="Concat_y")
    graph("concat_flat", 13, [1, 3, 2, 2], [node("Flatten", "x", "f"), node("Relu", "f", "r"), node("Concat", "f r", axis=1)])
    graph("split_11", 11, [1, 6, 2, 3], [node("Split", "x", "a b", axis=1, split=[2, 4]), node("Concat", "b a", axis=1)])
    graph("split_13", 13, [1, 6, 2, 3], [node("Split", "x s", "a b", axis=1), node("Concat", "b a", axis=1)], s=np.array([1, 5]))
    graph("split_18", 18, [1, 6, 2, 3], [node("Split", "x", "a b", axis=1, num_outputs=2), node("Add", "b a")])
    graph("slice_9", 9, [1, 6, 4, 5], [node("Slice", "x", axes=[1], starts=[1], ends=[-2])])
    graph("slice_13", 13, [1, 6, 4, 5], [node("Slice", "x b e a")], b=np.array([2, 1]), e=np.array([2**63 - 1, 3]), a=np.array([1, 2]), typed=True)
    graph("slice_steps", 13, [1, 2, 7, 6], [node("Slice", "x b e a s")], b=np.array([0, 1]), e=np.array([7, 6]), a=np.array([2, 3]), s=np.array([2, 2]))
    graph("gather", 13, [1, 6, 2, 3], [node("Gather", "x i", "g", axis=1), node("Unsqueeze", "g a", "u"), node("Mul", "u k")], i=np.array(2), a=np.array([1]), k=np.float32(2))
    graph("gather_two", 13, [1, 6, 2, 3], [node("Gather", "x i", axis=1)], i=np.array([3, 4]))
    graph("pad_7", 7, [1, 2, 3, 4], [node("Pad", "x", pads=[0, 0, 1, 2, 0, 0, 0, 1])])
    graph("pad_13", 13, [1, 2, 3, 4], [node("Pad", "x p")], p=np.array([0, 1, 0, -1, 0, 2, 1, 0]))
    graph("pad_18", 18, [1, 2, 3, 4], [node("Pad", "x p - a")], p=np.array([1, 0]), a=np.array([3]))
    graph("pad_ones", 13, [1, 2, 3, 4], [node("Pad", "x p v")], p=np.array([0, 0, 1, 1, 0, 0, 1, 1]), v=np.float32(1), refuses="Pad_y")
    graph("resize", 13, [1, 2, 3, 4], [node("Resize", "x - s")], s=np.float32([1, 1, 2, 2]), refuses="Resize_y")


class Block(nn.Module):
    """Squeeze-excite, a residual, a shuffle of channels, halves of them: what exporters write in roundabout ways."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(4, 8, 1, bias=False), nn.BatchNorm2d(8), nn.SiLU())
        self.fc = nn.Sequential(nn.Linear(8, 2), nn.ReLU(), nn.Linear(2, 8), nn.Hardsigmoid())
        self.project = nn.Conv2d(8, 4, 3, padding=1, padding_mode="zeros")
        self.act = nn.Hardswish()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.expand(x)
        y = y * self.fc(y.mean((2, 3))).view(-1, 8, 1, 1)
        y = self.act(x + self.project(y))
        a, b = y.chunk(2, 1)
        y = torch.cat((b, nn.functional.gelu(a)), 1)
        n, c, h, w = y.shape
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU6(), nn.MaxPool2d(3, 2, ceil_mode=True), Block())
        self.norm = nn.BatchNorm2d(4)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(4 * 9, 6), nn.PReLU(), nn.Linear(6, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(nn.functional.leaky_relu(nn.functional.pad(self.features(x), (0, 1, 1, 0)), 0.1))
        y = nn.functional.avg_pool2d(y, 2)[:, :, :3, :3]
        return self.classifier(torch.flatten(y, 1)).softmax(1)


def exports() -> None:
    torch.manual_seed(3)
    net = Small().eval()
    with torch.no_grad():
        for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
            norm.running_mean.uniform_(-0.5, 0.5)
            norm.running_var.uniform_(0.5, 2)
            norm.weight.uniform_(0.5, 2)
    x = torch.zeros(1, 3, 20, 20)
    for opset in (9, 12, 17, 20):
        file = io.BytesIO()
        torch.onnx.export(net, (x,), file, dynamo=False, opset_version=opset)
        case(f"torchscript_{opset}", onnx.load_from_string(file.getvalue()), [1, 3, 20, 20])
    file = io.BytesIO()
    axes = {"input": {0: "batch"}}
    torch.onnx.export(net, (x,), file, dynamo=False, opset_version=18, input_names=["input"], dynamic_axes=axes)
    case("torchscript_batch", onnx.load_from_string(file.getvalue()), [2, 3, 20, 20])
    for opset in (18, 20):
        program = torch.onnx.export(net, (x,), dynamo=True, opset_version=opset, verbose=False)
        case(f"dynamo_{opset}", bare(program.model_proto), [1, 3, 20, 20])
    batch = torch.export.Dim("batch")
    program = torch.onnx.export(net, (torch.zeros(2, 3, 20, 20),), dynamo=True, verbose=False, dynamic_shapes=({0: batch},))
    case("dynamo_batch", bare(program.model_proto), [2, 3, 20, 20])


def bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the exporter's notes, which say where its files lie."""
    for one_node in model.graph.node:
        del one_node.metadata_props[:]
        one_node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    del model.graph.metadata_props[:], model.metadata_props[:]
    return model


def main() -> None:
    warnings.filterwarnings("ignore")
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.glob("*.onnx"):
        old.unlink()
    windows()
    dense()
    pointwise()
    moves()
    exports()
    # The first one again, its weights in a file beside it.
    model = onnx.load(OUT / "conv.onnx")
    (OUT / "external.data").unlink(missing_ok=True)
    onnx.save_model(model, OUT / "external.onnx", save_as_external_data=True, location="external.data", size_threshold=0)
    lines = ",\n".join(json.dumps(one_case) for one_case in CASES)
    (OUT / "cases.json").write_text(f"[\n{lines}\n]\n")
    size = sum(path.stat().st_size for path in OUT.iterdir())
    print(f"{len(CASES)} cases, {size} bytes")


if __name__ == "__main__":
    main()
