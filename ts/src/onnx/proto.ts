/**
 * The part of ONNX's protobuf messages (onnx.proto, ONNX's IR) that a network is in. Small messages are decoded whole; the
 * model, its graph and large tensors are walked field by field, so that no tensor's data is read before it is wanted.
 */
import protobuf from "protobufjs/minimal.js";
import { ConvzooError } from "../errors.js";
import type { Bytes } from "../weights/bytes.js";

/** A place in the file. */
export interface Range {
  readonly begin: number;
  readonly end: number;
}

/** A tensor as the file describes it; its elements are under one of its fields, by the field's number. */
export interface TensorProto {
  readonly source: Source;
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly data: ReadonlyMap<number, readonly Range[]>;
  /** Where the elements are if they lie in another file: `location`, `offset`, `length`. */
  readonly external: ReadonlyMap<string, string> | undefined;
}

/** One attribute of a node: whichever of these it has. */
export interface Attribute {
  float?: number;
  int?: number;
  string?: string;
  floats: number[];
  ints: number[];
  /** A TensorProto's bytes. */
  tensor?: Uint8Array;
}

export interface NodeProto {
  name: string;
  opType: string;
  domain: string;
  readonly inputs: string[];
  readonly outputs: string[];
  readonly attributes: Map<string, Attribute>;
}

/** A graph's input or output: a size is a number, a name, or undefined where the file does not say. */
export interface ValueProto {
  name: string;
  dims: (number | string | undefined)[] | undefined;
}

export interface ModelProto {
  /** The version of the operators by domain; ONNX's own is "". */
  readonly opsets: ReadonlyMap<string, number>;
  readonly name: string;
  readonly nodes: readonly NodeProto[];
  readonly tensors: readonly TensorProto[];
  readonly inputs: readonly ValueProto[];
  readonly outputs: readonly ValueProto[];
}

/** More than any network has, few enough to be walked in a second. */
const MOST_FIELDS = 200_000;
const WINDOW_BYTES = 1 << 18;

/** A file that is read piece by piece: what lies close together is read at once. */
export class Source {
  private cached: Uint8Array = new Uint8Array();
  private from = 0;

  constructor(readonly bytes: Bytes) {}

  async read(begin: number, end: number): Promise<Uint8Array> {
    if (begin < this.from || end > this.from + this.cached.length) {
      this.cached = await this.bytes.read(
        begin,
        Math.min(this.bytes.size, Math.max(end, begin + WINDOW_BYTES)),
      );
      this.from = begin;
    }
    if (end > this.from + this.cached.length) throw new RangeError(`the file ends before byte ${end}`);
    return this.cached.subarray(begin - this.from, end - this.from);
  }
}

/** The model in a file. Throws `bad-weights` where the bytes are no ONNX model, or a damaged one. */
export async function readModel(bytes: Bytes): Promise<ModelProto> {
  const source = new Source(bytes);
  return guarded(bytes.name, async () => {
    const opsets = new Map<string, number>();
    let graph: Range | undefined;
    for await (const field of fields(source, { begin: 0, end: bytes.size })) {
      if (field.number === 7) graph = field.range(LENGTH);
      else if (field.number === 8) readOpset(await source.read(field.begin, field.end), opsets);
    }
    if (graph === undefined) throw new Error("it has no graph");
    return { opsets, ...(await readGraph(source, graph)) };
  });
}

/** The tensor in an attribute of a node. Throws as `readModel` does. */
export function tensorIn(bytes: Uint8Array, name: string): Promise<TensorProto> {
  const source = new Source({
    name,
    size: bytes.length,
    read: async (begin, end) => bytes.subarray(begin, end),
  });
  return guarded(name, () => readTensor(source, { begin: 0, end: bytes.length }));
}

/** What protobuf and we find wrong with the bytes, as one error. */
export async function guarded<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof ConvzooError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const advice = "Check that it is an ONNX model and was downloaded or written completely.";
    throw new ConvzooError("bad-weights", `${name} cannot be read as ONNX: ${reason}. ${advice}`, {
      source: name,
      cause,
    });
  }
}

async function readGraph(source: Source, range: Range): Promise<Omit<ModelProto, "opsets">> {
  const nodes: NodeProto[] = [];
  const tensors: TensorProto[] = [];
  const [inputs, outputs]: [ValueProto[], ValueProto[]] = [[], []];
  let name = "";
  for await (const field of fields(source, range)) {
    const content = () => source.read(field.begin, field.end);
    if (field.number === 1) nodes.push(readNode(await content()));
    else if (field.number === 2) name = text(await content());
    else if (field.number === 5) tensors.push(await readTensor(source, field.range(LENGTH)));
    else if (field.number === 11) inputs.push(readValue(await content()));
    else if (field.number === 12) outputs.push(readValue(await content()));
    else if (field.number === 15) throw new Error("it has sparse initialisers, which nothing here reads");
  }
  return { name, nodes, tensors, inputs, outputs };
}

async function readTensor(source: Source, range: Range): Promise<TensorProto> {
  const dims: number[] = [];
  const data = new Map<number, Range[]>();
  const external = new Map<string, string>();
  let [name, dataType, location] = ["", 0, 0];
  for await (const field of fields(source, range)) {
    const content = () => source.read(field.begin, field.end);
    switch (field.number) {
      case 1:
        integers(await content(), dims);
        break;
      case 2:
        dataType = integer(await content());
        break;
      case 8:
        name = text(await content());
        break;
      case 13:
        readEntry(await content(), external);
        break;
      case 14:
        location = integer(await content());
        break;
      default:
        if (DATA_FIELDS.includes(field.number))
          data.set(field.number, [...(data.get(field.number) ?? []), { begin: field.begin, end: field.end }]);
    }
  }
  return { source, name, dims, dataType, data, external: location === EXTERNAL ? external : undefined };
}

/** float_data, int32_data, string_data, int64_data, raw_data, double_data, uint64_data. */
const DATA_FIELDS = [4, 5, 6, 7, 9, 10, 11];
const EXTERNAL = 1;

const [VARINT, FIXED64, LENGTH, FIXED32] = [0, 1, 2, 5];

/** A field of a message: its content, without its tag and length. */
class Field {
  constructor(
    readonly number: number,
    readonly wire: number,
    readonly begin: number,
    readonly end: number,
  ) {}

  range(wire: number): Range {
    if (this.wire === wire) return this;
    throw new Error(`field ${this.number} is of another kind than ONNX has there`);
  }
}

/** The fields of a message that may be too large to be read at once. */
async function* fields(source: Source, { begin, end }: Range): AsyncGenerator<Field> {
  let at = begin;
  for (let count = 0; at < end; count++) {
    if (count > MOST_FIELDS) throw new Error(`a message has more than ${MOST_FIELDS} fields`);
    // A tag and a length, or a number, take ten bytes each at most.
    const reader = new protobuf.Reader(await source.read(at, Math.min(end, at + 20)));
    const tag = reader.uint32();
    const wire = tag & 7;
    let length = 0;
    if (wire === LENGTH) length = reader.uint32();
    const start = at + reader.pos;
    if (wire === VARINT) length = reader.skip().pos - (start - at);
    else if (wire === FIXED64 || wire === FIXED32) length = wire === FIXED64 ? 8 : 4;
    else if (wire !== LENGTH) throw new Error(`byte ${at} begins no field`);
    at = start + length;
    if (at > end)
      throw new Error(`a field that begins at byte ${start} ends at ${at}, behind its message (${end})`);
    yield new Field(tag >>> 3, wire, start, at);
  }
}

type Reader = protobuf.Reader;

/** Decodes a message that is in memory: `visit` reads the fields that it knows, by number, and leaves the rest. */
function each(
  bytes: Uint8Array,
  visit: Readonly<Record<number, (reader: Reader, wire: number) => void>>,
): void {
  const reader = new protobuf.Reader(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const read = visit[tag >>> 3];
    if (read) read(reader, tag & 7);
    else reader.skipType(tag & 7);
  }
}

function readNode(bytes: Uint8Array): NodeProto {
  const node: NodeProto = {
    name: "",
    opType: "",
    domain: "",
    inputs: [],
    outputs: [],
    attributes: new Map(),
  };
  each(bytes, {
    1: (reader) => node.inputs.push(reader.string()),
    2: (reader) => node.outputs.push(reader.string()),
    3: (reader) => (node.name = reader.string()),
    4: (reader) => (node.opType = reader.string()),
    5: (reader) => readAttribute(reader.bytes(), node),
    7: (reader) => (node.domain = reader.string()),
  });
  return node;
}

function readAttribute(bytes: Uint8Array, node: NodeProto): void {
  const attribute: Attribute = { floats: [], ints: [] };
  let name = "";
  each(bytes, {
    1: (reader) => (name = reader.string()),
    2: (reader) => (attribute.float = reader.float()),
    3: (reader) => (attribute.int = toNumber(reader.int64())),
    4: (reader) => (attribute.string = reader.string()),
    5: (reader) => (attribute.tensor = reader.bytes()),
    7: (reader, wire) =>
      wire === LENGTH ? reader.floats(attribute.floats) : attribute.floats.push(reader.float()),
    8: (reader, wire) =>
      wire === LENGTH
        ? integers(reader.bytes(), attribute.ints)
        : attribute.ints.push(toNumber(reader.int64())),
  });
  node.attributes.set(name, attribute);
}

/** ValueInfoProto: its type is a TensorProto.Type with a shape, or something that no classifier reads. */
function readValue(bytes: Uint8Array): ValueProto {
  const value: ValueProto = { name: "", dims: undefined };
  const dimension = (reader: Reader) => {
    let size: number | string | undefined;
    each(reader.bytes(), {
      1: (inner) => (size = toNumber(inner.int64())),
      2: (inner) => (size = inner.string() || undefined),
    });
    // Zero and less are how some writers say that they do not know.
    value.dims?.push(typeof size === "number" && size <= 0 ? undefined : size);
  };
  const shape = (reader: Reader) => {
    value.dims = [];
    each(reader.bytes(), { 1: dimension });
  };
  const tensor = (reader: Reader) => each(reader.bytes(), { 2: shape });
  each(bytes, {
    1: (reader) => (value.name = reader.string()),
    2: (reader) => each(reader.bytes(), { 1: tensor }),
  });
  return value;
}

function readOpset(bytes: Uint8Array, opsets: Map<string, number>): void {
  let [domain, version] = ["", 0];
  each(bytes, {
    1: (reader) => (domain = reader.string()),
    2: (reader) => (version = toNumber(reader.int64())),
  });
  opsets.set(domain === "ai.onnx" ? "" : domain, version);
}

function readEntry(bytes: Uint8Array, entries: Map<string, string>): void {
  let [key, value] = ["", ""];
  each(bytes, { 1: (reader) => (key = reader.string()), 2: (reader) => (value = reader.string()) });
  entries.set(key, value);
}

/** Adds the integers of a repeated field, of which there are many in a row or one by itself. */
function integers(bytes: Uint8Array, into: number[]): void {
  const reader = new protobuf.Reader(bytes);
  while (reader.pos < reader.len) into.push(toNumber(reader.int64()));
}

/** The 64-bit integers of a repeated field, exactly: those of float64 end at 2^53. */
export function longs(bytes: Uint8Array): BigInt64Array {
  const words: number[] = [];
  const reader = new protobuf.Reader(bytes);
  while (reader.pos < reader.len) {
    const { low, high } = reader.int64();
    words.push(low, high);
  }
  return new BigInt64Array(Int32Array.from(words).buffer);
}

const integer = (bytes: Uint8Array): number => toNumber(new protobuf.Reader(bytes).int64());
const text = (bytes: Uint8Array): string => protobuf.util.utf8.read(bytes, 0, bytes.length);
const toNumber = ({ low, high }: { readonly low: number; readonly high: number }): number =>
  high * 2 ** 32 + (low >>> 0);
