/** Networks from ONNX files. */
import { show, withDefaults } from "../check.js";
import { ConvzooError } from "../errors.js";
import { lower } from "../graph.js";
import type { Net } from "../layers.js";
import { type Bytes, inMemory } from "../weights/bytes.js";
import type { WeightTensor } from "../weights/dtype.js";
import {
  type FilePlatform,
  nameOf,
  type ReadOptions,
  readSource,
  type WeightSource,
} from "../weights/source.js";
import { type Constant, constantOf } from "./constant.js";
import { convert } from "./convert.js";
import { Draft } from "./draft.js";
import { At, type Known, type Scope, type Value } from "./node.js";
import { type ModelProto, type NodeProto, readModel, tensorIn, type ValueProto } from "./proto.js";
import { type Beside, storedTensor } from "./tensor.js";
import { axisOf, CHANNELS, type Dim, type View, viewOf } from "./view.js";
import { initialisers } from "./weights.js";

/** A network and its weights, as a file holds both. */
export interface OnnxModel {
  readonly net: Net;
  /** Under the net's keys: `load(net, { weights })` takes them. */
  readonly weights: ReadonlyMap<string, WeightTensor>;
}

/** Options of `fromOnnx`. */
export interface OnnxOptions extends Omit<ReadOptions, "platform"> {
  /** The name of the output that the net gives, where the graph has more than one. */
  readonly output?: string;
  /**
   * The file that holds a large model's data (PyTorch writes `model.onnx.data`); by default what lies beside the path or
   * URL that is the source.
   */
  readonly externalData?: WeightSource;
}

const OPTIONS: { readonly [K in keyof Required<OnnxOptions>]: undefined } = {
  output: undefined,
  externalData: undefined,
  signal: undefined,
  onProgress: undefined,
  onRead: undefined,
  pause: undefined,
  silence: undefined,
};

/** The versions of ONNX's operators that are known here. */
const OPSETS = [7, 21] as const;

/** See `Connected.fromOnnx`. */
export async function fromOnnx(
  platform: FilePlatform,
  source: WeightSource,
  options: OnnxOptions = {},
): Promise<OnnxModel> {
  const { output, externalData, ...reading } = withDefaults<OnnxOptions>("fromOnnx", OPTIONS, options);
  if (output !== undefined && typeof output !== "string")
    throw new ConvzooError("bad-option", `fromOnnx: output is the name of one, but is ${show(output)}.`);
  const open = async (from: WeightSource) =>
    inMemory(await readSource(from, { ...reading, platform }), nameOf(from));
  // However many tensors lie in it, a file is read once.
  const opened = new Map<string, Promise<Bytes>>();
  const beside: Beside = (location) => {
    const file = opened.get(location) ?? open(externalData ?? neighbour(source, location));
    opened.set(location, file);
    return file;
  };
  return readOnnx(await open(source), output, beside);
}

/** A file beside the model's, by the name that the model has for it: a name alone, for a model may be anybody's. */
function neighbour(source: WeightSource, location: string): WeightSource {
  const isName = location !== "" && !/[/\\:?#]/.test(location) && !location.startsWith(".");
  const name = nameOf(source);
  const refuse = (reason: string): never => {
    const message = `${name} has its data in another file, "${location.slice(0, 200)}", ${reason}`;
    throw new ConvzooError("unsupported", `${message}: pass that as externalData.`, { source: name });
  };
  if (!isName) return refuse("which is no name of a file beside it");
  if (source instanceof URL) return new URL(encodeURIComponent(location), source);
  if (typeof source !== "string" || /^(data|blob):/i.test(source))
    return refuse("and no path or URL to find it by");
  const [path = ""] = source.split(/[?#]/, 1);
  return path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1) + location;
}

/**
 * The network in an ONNX file, and its weights.
 *
 * @param output the name of the graph's output that the net gives, where there are more than one
 * @param beside opens the files that hold a large model's data
 */
export async function readOnnx(bytes: Bytes, output?: string, beside?: Beside): Promise<OnnxModel> {
  const model = await readModel(bytes);
  const source = bytes.name;
  const opset = model.opsets.get("") ?? 0;
  const [least, most] = OPSETS;
  if (!(opset >= least && opset <= most)) {
    const advice = `export with an opset_version from ${least} to ${most}`;
    throw new ConvzooError("unsupported", `${source} is of ONNX's opset ${opset}: ${advice}.`, { source });
  }
  const values = new Map<string, Known>();
  let size = bytes.size;
  for (const [name, stored] of initialisers(model, source, beside)) {
    const tensor = await stored.read();
    size += tensor.data.byteLength;
    values.set(name, constantOf(tensor));
  }
  const draft = new Draft();
  const scope: Scope = {
    source,
    opset,
    values,
    draft,
    derived: new Map(),
    room: { left: 4 * size + 2 ** 26 },
    attached: await attachedTo(model.nodes, source, beside),
    readers: byInput(model.nodes),
    makers: new Map(model.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const))),
  };
  const input = inputOf(model, scope);
  const name = outputName(model, source, output);
  for (const node of neededBy(model, name, scope)) translate(new At(node, scope));
  const result = resultOf(name, scope);
  const type = /^[A-Za-z]\w{0,99}$/.test(model.name) ? model.name : "Network";
  const found = draft.finish(type, input.shape[CHANNELS] as number, result.id);
  // What the layers think of one another is known now, not only when they are loaded.
  lower(found.net);
  return found;
}

/** The tensors that nodes carry, which are read before anything is translated. */
async function attachedTo(
  nodes: readonly NodeProto[],
  source: string,
  beside?: Beside,
): Promise<ReadonlyMap<NodeProto, Constant>> {
  const attached = new Map<NodeProto, Constant>();
  for (const node of nodes) {
    const bytes = node.attributes.get("value")?.tensor;
    if (bytes)
      attached.set(node, constantOf(await storedTensor(await tensorIn(bytes, source), beside).read()));
  }
  return attached;
}

function byInput(nodes: readonly NodeProto[]): ReadonlyMap<string, readonly NodeProto[]> {
  const readers = new Map<string, NodeProto[]>();
  for (const node of nodes)
    for (const name of node.inputs) {
      if (!readers.has(name)) readers.set(name, []);
      readers.get(name)?.push(node);
    }
  return readers;
}

function translate(at: At): void {
  const { values } = at.scope;
  const { domain, outputs } = at.node;
  if (domain !== "" && domain !== "ai.onnx")
    at.refuse(`is of the domain ${domain}, and no operator of ONNX itself`);
  let given: readonly Known[];
  try {
    given = convert(at);
  } catch (error) {
    // The layers' builders know nothing of nodes.
    if (error instanceof ConvzooError && error.node === undefined)
      at.fail("bad-net", `makes no layer: ${error.message}`, error);
    throw error;
  }
  for (const [i, name] of outputs.entries()) {
    const known = given[i];
    if (name === "" || known === undefined) continue;
    if (values.has(name))
      at.fail("bad-weights", `gives ${name}, which is there already: the file is damaged`);
    values.set(name, known);
  }
}

/** The one input, [N, C, H, W] or, where all that reads it turns it so, [N, H, W, C]. */
function inputOf(model: ModelProto, { source, values, readers }: Scope): Value {
  const inputs = model.inputs.filter(({ name }) => !values.has(name));
  const [input] = inputs;
  const refuse = (what: string): never => {
    throw new ConvzooError("unsupported", `${source} ${what}; a network here reads images [N, C, H, W].`, {
      source,
    });
  };
  if (!input || inputs.length > 1) return refuse(`has ${inputs.length} inputs`);
  const dims = dimsOfInput(input);
  if (dims?.length !== 4)
    return refuse(`reads ${dims ? `a value of ${dims.length} dimensions` : "a value of unknown dimensions"}`);
  const isTurned = (node: NodeProto) =>
    node.opType === "Transpose" && String(node.attributes.get("perm")?.ints) === "0,3,1,2";
  const reading = readers.get(input.name) ?? [];
  const order = reading.length > 0 && reading.every(isTurned) ? [0, 3, 1, 2] : [0, 1, 2, 3];
  const shape = order.map((from) => dims[from] as Dim);
  if (typeof shape[CHANNELS] !== "number") return refuse("reads an unknown number of channels");
  const view: View = order.map((_, i) => axisOf(dims[i] as Dim, order.indexOf(i)));
  const value: Value = { kind: "value", id: 0, shape, view: order[1] === 1 ? viewOf(shape) : view };
  values.set(input.name, value);
  return value;
}

/** Unknown sizes get a name each, so that they are told apart. */
const dimsOfInput = ({ dims }: ValueProto): readonly Dim[] | undefined =>
  dims?.map((size, i) => size ?? `input.${i}`);

function outputName({ outputs }: ModelProto, source: string, wanted?: string): string {
  const names = outputs.map(({ name }) => name);
  const name = wanted ?? (names.length === 1 ? names[0] : undefined);
  if (name !== undefined && names.includes(name)) return name;
  const what = wanted === undefined ? `has ${names.length} outputs` : `has no output "${wanted}"`;
  const advice = `Pass one of them as output: ${names.slice(0, 10).join(", ")}`;
  throw new ConvzooError("bad-option", `${source} ${what}. ${advice}.`, { source });
}

/** The nodes that the output depends on, in the file's order: what else there is need not be known here. */
function neededBy({ nodes }: ModelProto, output: string, { makers }: Scope): readonly NodeProto[] {
  const needed = new Set<NodeProto>();
  const names = [output];
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    const maker = makers.get(name);
    if (!maker || needed.has(maker)) continue;
    needed.add(maker);
    for (const input of maker.inputs) names.push(input);
  }
  return nodes.filter((node) => needed.has(node));
}

/** The output as a classifier gives it: features, or a map. */
function resultOf(name: string, scope: Scope): Value {
  const known = scope.values.get(name);
  const maker = scope.makers.get(name);
  if (known?.kind === "value" && maker) {
    const at = new At(maker, scope);
    return known.view.length === 2 ? at.asFlat(known) : at.asMap(known);
  }
  const { source } = scope;
  const message = `${source}: its output ${name} is nothing that layers compute from the image.`;
  throw new ConvzooError("unsupported", message, { source, node: name });
}
