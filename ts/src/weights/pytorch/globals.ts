/** The names that a pickle may use, and no others. None is ever called: this says what they stand for. */
import type { Dtype } from "../dtype.js";
import { Call, Global, type Value } from "./value.js";

/** Functions that make a tensor, by what is read of them. */
export const REBUILD = {
  /** (storage, offset, shape, strides, ...) */
  "torch._utils._rebuild_tensor": "dense",
  "torch._utils._rebuild_tensor_v2": "dense",
  /** (storage, offset, shape, strides, requires_grad, hooks, dtype, ...) */
  "torch._utils._rebuild_tensor_v3": "dense",
  /** (tensor, ...) */
  "torch._utils._rebuild_parameter": "wrapped",
  "torch._utils._rebuild_parameter_with_state": "wrapped",
  "torch.nn.parameter.Parameter": "wrapped",
  /** (function, class, its arguments, ...) */
  "torch._tensor._rebuild_from_type_v2": "typed",
  "torch._utils._rebuild_qtensor": "a quantised tensor",
  "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
  "torch._utils._rebuild_meta_tensor_no_storage": "a tensor without data (of the device meta)",
  "numpy.core.multiarray._reconstruct": "a NumPy array",
  "numpy._core.multiarray._reconstruct": "a NumPy array",
  "numpy.core.numeric._frombuffer": "a NumPy array",
  "numpy._core.numeric._frombuffer": "a NumPy array",
} as const satisfies Record<string, string>;

/** Element types by the name of their storage. Absent are those that are no plain real numbers. */
export const STORAGES: ReadonlyMap<string, Dtype> = /* @__PURE__ */ new Map<string, Dtype>([
  ["DoubleStorage", "f64"],
  ["FloatStorage", "f32"],
  ["HalfStorage", "f16"],
  ["BFloat16Storage", "bf16"],
  ["LongStorage", "i64"],
  ["IntStorage", "i32"],
  ["ShortStorage", "i16"],
  ["CharStorage", "i8"],
  ["ByteStorage", "u8"],
  ["BoolStorage", "bool"],
]);

/** A storage of bytes, whose tensors say their element type themselves. */
export const UNTYPED = "UntypedStorage";

/** Bytes an element of the other storages has, which a legacy file's reader must know to pass over them. */
export const OTHER_STORAGES: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([
  [UNTYPED, 1],
  ["ComplexFloatStorage", 8],
  ["ComplexDoubleStorage", 16],
  ["QInt8Storage", 1],
  ["QUInt8Storage", 1],
  ["QInt32Storage", 4],
  ["QUInt4x2Storage", 1],
  ["QUInt2x4Storage", 1],
]);

/** Element types by PyTorch's name. */
export const TORCH_DTYPES: ReadonlyMap<string, Dtype> = /* @__PURE__ */ new Map<string, Dtype>([
  ["float64", "f64"],
  ["float32", "f32"],
  ["float16", "f16"],
  ["bfloat16", "bf16"],
  ["int64", "i64"],
  ["uint64", "u64"],
  ["int32", "i32"],
  ["uint32", "u32"],
  ["int16", "i16"],
  ["uint16", "u16"],
  ["int8", "i8"],
  ["uint8", "u8"],
  ["bool", "bool"],
]);

/** Element types and schemes that PyTorch names and that no weight here can have. */
const OTHER_TORCH_NAMES =
  /^torch\.(float8_\w+|float4_\w+|complex(32|64|128)|q?u?int\d+(x\d+)?|per_(tensor|channel)_\w+|strided|sparse_\w+)$/;

/** What becomes a dictionary; its arguments are its contents, where it has any. */
const DICTS = ["collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict"];

/** What becomes its first argument: lists, and what is one here. */
const LISTS = ["torch.Size", "builtins.set", "builtins.frozenset", "builtins.list", "builtins.tuple"];

/** Parts of settings and counters, which whole checkpoints carry beside the weights; nobody looks into them. */
const METADATA = [
  "_codecs.encode",
  "argparse.Namespace",
  "builtins.bool",
  "builtins.bytearray",
  "builtins.bytes",
  "builtins.complex",
  "builtins.float",
  "builtins.int",
  "builtins.str",
  "numpy.core.multiarray.scalar",
  "numpy._core.multiarray.scalar",
  "numpy.dtype",
  "numpy.ndarray",
  "torch.Tensor",
  "torch.device",
  "torch.serialization._get_layout",
];

const NAMES: ReadonlySet<string> = /* @__PURE__ */ new Set([
  ...Object.keys(REBUILD),
  ...DICTS,
  ...LISTS,
  ...METADATA,
]);

/** Python 2's names of what Python 3 calls otherwise. */
export function modernName(module: string, name: string): string {
  return `${module === "__builtin__" ? "builtins" : module}.${name}`;
}

export function isAllowed(name: string): boolean {
  if (NAMES.has(name) || OTHER_TORCH_NAMES.test(name)) return true;
  const [, word = ""] = /^torch\.(\w+)$/.exec(name) ?? [];
  return TORCH_DTYPES.has(word) || storageName(name) !== undefined;
}

/** The class of a storage, on whatever device its tensors were: "FloatStorage" of torch.cuda.FloatStorage. */
export function storageName(name: string): string | undefined {
  const [, word = ""] = /^torch\.(?:cuda\.|storage\.)?(\w+)$/.exec(name) ?? [];
  return STORAGES.has(word) || OTHER_STORAGES.has(word) ? word : undefined;
}

/** What a call stands for; undefined where the callee is none that may be called. */
export function called(callee: Value | undefined, args: Value | undefined): Value | undefined {
  if (!(callee instanceof Global) || !Array.isArray(args)) return undefined;
  const { name } = callee;
  if (DICTS.includes(name)) return dictOf(args);
  if (LISTS.includes(name)) return Array.isArray(args[0]) ? args[0] : [];
  return new Call(name, args);
}

/** Python 2 pickles an OrderedDict with a list of its pairs; a Counter comes with a dictionary. */
function dictOf(args: readonly Value[]): Value {
  const contents = args.find((arg) => Array.isArray(arg) || arg instanceof Map);
  if (contents instanceof Map) return new Map(contents);
  const pairs = (contents ?? []).filter((pair) => Array.isArray(pair) && pair.length === 2);
  return new Map(pairs as [Value, Value][]);
}
