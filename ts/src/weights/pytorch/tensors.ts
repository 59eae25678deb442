/** From the calls that a pickle notes to tensors whose data can be read. */
import { ARRAYS, type Dtype, elementCount } from "../dtype.js";
import { type Layout, spanOf, storedTensor } from "../layout.js";
import type { StoredTensor } from "../stored.js";
import { REBUILD, STORAGES, storageName, TORCH_DTYPES, UNTYPED } from "./globals.js";
import type { Refuse } from "./pickle.js";
import { Call, Global, Reference, type Value } from "./value.js";

/** The bytes of one storage in a file. */
export interface StorageBytes {
  readonly size: number;
  read(begin: number, end: number): Promise<Uint8Array>;
}

/** What a file holds: a pickle's value, and the storages that its tensors refer to. */
export interface Checkpoint {
  readonly root: Value;
  readonly bigEndian: boolean;
  /** Undefined where the file lacks it. */
  storage(key: string): StorageBytes | undefined;
}

export type Fail = Refuse["damaged"];

/** Calls around a call: a parameter around a tensor, attributes around both. */
const MAX_WRAPPERS = 8;
/** PyTorch's own limit. */
const MAX_SIDES = 64;

interface Storage {
  readonly key: string;
  /** Undefined for one of bytes, whose tensors say their element type. */
  readonly dtype: Dtype | undefined;
  /** In bytes. */
  readonly size: number;
  /** The part of it that the tensor is in, in bytes. */
  readonly begin: number;
  readonly end: number;
}

/** Whether a value is a tensor, be it of a kind that is read or not. */
export function isTensor(value: Value): value is Call {
  return value instanceof Call && Object.hasOwn(REBUILD, value.callee);
}

/**
 * The tensor that a call would make. Its place is checked against its storage here, so that reading it cannot fail for that.
 * `fail` is told what is wrong with `key`.
 */
export function tensorOf(
  call: Call,
  key: string,
  file: Checkpoint,
  fail: Fail,
): { tensor: StoredTensor; layout: Layout; storage: string } {
  const refuse = (message: string): never => fail(`tensor ${key} ${message}`, key);
  const { callee, args } = unwrapped(call, refuse);
  const [reference, offset, shape, strides, , , type] = args;
  if (callee.endsWith("_v2")) checkBits(args[6], refuse);
  if (!isCounts(shape) || !isCounts(strides) || strides.length !== shape.length) {
    return refuse("has a shape or strides that are no lists of non-negative integers");
  }
  const storage = storageOf(reference, refuse);
  const { begin, end } = storage;
  const dtype = callee.endsWith("_v3") ? dtypeOf(type, refuse) : storage.dtype;
  if (dtype === undefined) return refuse("has a storage of bytes and says no element type");
  const size = ARRAYS[dtype].BYTES_PER_ELEMENT;
  const span = spanOf({ shape, strides });
  if (!isCount(offset)) return refuse("has an offset that is no non-negative integer");
  if (!(begin + (offset + span) * size <= end)) {
    const shown = `[${shape.join(", ")}] with strides [${strides.join(", ")}] from ${offset} on`;
    return refuse(`(${shown}) lies outside of its storage, which has ${end - begin} bytes`);
  }
  const bytes = file.storage(storage.key);
  if (!bytes) return refuse(`has its data in storage ${storage.key}, which the file lacks`);
  if (storage.size !== bytes.size) {
    refuse(`has a storage of ${storage.size} bytes, which in the file (as ${storage.key}) has ${bytes.size}`);
  }
  const layout = { dtype, shape, strides, offset, bigEndian: file.bigEndian };
  const tensor = storedTensor(layout, (from, to) => bytes.read(begin + from, begin + to));
  return { tensor, layout, storage: storage.key };
}

/** Bytes that a tensor's elements take when they lie side by side. */
export function byteCount({ dtype, shape }: Pick<Layout, "dtype" | "shape">): number {
  return elementCount(shape) * ARRAYS[dtype].BYTES_PER_ELEMENT;
}

function unwrapped(call: Call, refuse: (message: string) => never): Call {
  let inner: Value = call;
  for (let depth = 0; depth < MAX_WRAPPERS && inner instanceof Call; depth++) {
    const kind = (REBUILD as Readonly<Record<string, string>>)[inner.callee];
    if (kind === "dense") return inner;
    if (kind === "wrapped") inner = inner.args[0] ?? null;
    else if (kind === "typed") inner = typed(inner);
    else if (kind !== undefined) return refuse(`is ${kind}; save it as a dense tensor of floats`);
    else break;
  }
  return refuse("is wrapped around something that is no tensor");
}

function typed({ args: [rebuild, , args] }: Call): Value {
  return rebuild instanceof Global && Array.isArray(args) ? new Call(rebuild.name, args) : null;
}

/** PyTorch marks a conjugate or a negative view by a bit and leaves the data as they are. */
function checkBits(metadata: Value | undefined, refuse: (message: string) => never): void {
  if (metadata instanceof Map && (metadata.get("conj") === true || metadata.get("neg") === true)) {
    refuse("is a lazy conjugate or negative; save it after .resolve_conj().resolve_neg()");
  }
}

function dtypeOf(type: Value | undefined, refuse: (message: string) => never): Dtype {
  const name = type instanceof Global ? type.name : "";
  return (
    TORCH_DTYPES.get(name.replace("torch.", "")) ?? refuse(`has the element type ${name}, which is not read`)
  );
}

/** A reference is ("storage", class, key, device, count) and, in legacy files, what part of the storage is meant. */
function storageOf(reference: Value | undefined, refuse: (message: string) => never): Storage {
  const id = reference instanceof Reference ? reference.id : [];
  const [tag, type, key, , count, view] = id;
  const name = type instanceof Global ? storageName(type.name) : undefined;
  if (tag !== "storage" || name === undefined || typeof key !== "string" || !isCount(count)) {
    return refuse("has no storage");
  }
  const dtype = STORAGES.get(name);
  if (dtype === undefined && name !== UNTYPED) return refuse(`has a ${name}; save it as a tensor of floats`);
  const unit = dtype === undefined ? 1 : ARRAYS[dtype].BYTES_PER_ELEMENT;
  const [, first, part] = Array.isArray(view) ? view : [key, 0, count];
  if (!isCount(first) || !isCount(part) || first + part > count) {
    return refuse("has a view that lies outside of its storage");
  }
  return { key, dtype, size: count * unit, begin: first * unit, end: (first + part) * unit };
}

function isCount(value: Value | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isCounts(value: Value | undefined): value is number[] {
  return Array.isArray(value) && value.length <= MAX_SIDES && value.every(isCount);
}
