/** Inference requests of the Open Inference Protocol v2, in JSON and with its binary tensor extension. */
import type { Tensor } from "../../tensor.js";
import { OUTPUT } from "../batcher.js";
import { parseJson } from "../body.js";
import { badRequest } from "../refusal.js";

/** What the one input of every model is called. */
export const INPUT = "input";
/** The header that says how many bytes of a body are JSON; binary tensors follow. */
export const JSON_LENGTH = "inference-header-content-length";

/** More outputs than anybody wants of one request. */
const MOST_OUTPUTS = 32;

export interface WantedOutput {
  /** {@link OUTPUT}, or the path of a layer. */
  readonly name: string;
  readonly binary: boolean;
  /** Not the scores, but so many of the most probable classes, as Triton's classification extension writes them. */
  readonly classes?: number;
}

export interface InferRequest {
  readonly id?: string;
  readonly input: Tensor;
  readonly outputs: readonly WantedOutput[];
  /** Whether the input may run with those of other requests: `parameters: { batch: false }` says no. */
  readonly together: boolean;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Understands a body. `jsonLength` is the header's value, null where there is none and all of the body is JSON. The tensor may
 * be a view of the body. Throws 400.
 */
export function parseInfer(body: Uint8Array<ArrayBuffer>, jsonLength: string | null): InferRequest {
  const split = jsonLength === null ? body.length : lengthOf(jsonLength, body.length);
  const request = objectOf(parseJson(body.subarray(0, split)), "the request");
  const parameters = objectOf(request.parameters ?? {}, "parameters");
  const [input, ...more] = arrayOf(request.inputs, "inputs");
  if (input === undefined || more.length > 0)
    throw badRequest(
      `inputs has one input, called "${INPUT}"; this request has ${more.length + (input ? 1 : 0)}.`,
    );
  const binaryByDefault = booleanOf(parameters.binary_data_output, "binary_data_output") ?? false;
  const asked = request.outputs === undefined ? [{ name: OUTPUT }] : arrayOf(request.outputs, "outputs");
  if (asked.length === 0 || asked.length > MOST_OUTPUTS)
    throw badRequest(`outputs has 1 to ${MOST_OUTPUTS} outputs, not ${asked.length}.`);
  return {
    id: request.id === undefined ? undefined : textOf(request.id, "id"),
    input: tensorOf(objectOf(input, "inputs[0]"), body.subarray(split)),
    outputs: asked.map((output, i) => outputOf(objectOf(output, `outputs[${i}]`), binaryByDefault)),
    together: booleanOf(parameters.batch, "parameters.batch") ?? true,
  };
}

function lengthOf(text: string, most: number): number {
  const length = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (length <= most) return length;
  throw badRequest(`${JSON_LENGTH} is how many of the body's ${most} bytes are JSON, not ${show(text)}.`);
}

function outputOf(output: Json, binaryByDefault: boolean): WantedOutput {
  const parameters = objectOf(output.parameters ?? {}, "an output's parameters");
  const classes = parameters.classification;
  if (classes !== undefined && !(Number.isInteger(classes) && (classes as number) > 0))
    throw badRequest(`classification is how many classes to give, not ${show(classes)}.`);
  const name = textOf(output.name, "an output's name");
  if (classes !== undefined && name !== OUTPUT)
    throw badRequest(`classification is for the output "${OUTPUT}", not for ${show(name)}.`);
  return {
    name,
    binary: booleanOf(parameters.binary_data, "binary_data") ?? binaryByDefault,
    ...(classes === undefined ? {} : { classes: classes as number }),
  };
}

function tensorOf(input: Json, binary: Uint8Array<ArrayBuffer>): Tensor {
  if (input.name !== INPUT) throw badRequest(`The input is called "${INPUT}", not ${show(input.name)}.`);
  if (input.datatype !== "FP32")
    throw badRequest(`The input's datatype is FP32, not ${show(input.datatype)}.`);
  const shape = arrayOf(input.shape, "the input's shape");
  const isSide = (side: unknown) => Number.isSafeInteger(side) && (side as number) > 0;
  if (shape.length !== 4 || !shape.every(isSide))
    throw badRequest(`The input's shape is [N, C, H, W], four numbers of at least 1, not ${show(shape)}.`);
  const count = (shape as number[]).reduce((product, side) => product * side, 1);
  const { binary_data_size: size } = objectOf(input.parameters ?? {}, "the input's parameters");
  if (size === undefined) {
    if (binary.length > 0)
      throw badRequest(`${binary.length} bytes follow the JSON, but the input has no binary_data_size.`);
    return { shape: shape as number[], data: floatsOf(input.data, count) };
  }
  if (input.data !== undefined) throw badRequest("The input has both data and binary_data_size.");
  if (size !== binary.length || size !== 4 * count) {
    const message = `The input's shape ${show(shape)} is ${4 * count} bytes, its binary_data_size is ${show(size)}`;
    throw badRequest(`${message}, and ${binary.length} bytes follow the JSON; the three must be the same.`);
  }
  return { shape: shape as number[], data: floatsIn(binary, count) };
}

/** Little-endian floats, as a view where they lie as floats must. */
function floatsIn(bytes: Uint8Array<ArrayBuffer>, count: number): Float32Array {
  if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, count);
  return new Float32Array(bytes.slice().buffer, 0, count);
}

/** Numbers in a flat list, or in lists of lists in the same order. Memory is taken for those that came, not for those promised. */
function floatsOf(data: unknown, count: number): Float32Array {
  const numbers = arrayOf(data, "the input's data").flat(3);
  const other = numbers.find((one) => typeof one !== "number");
  if (other !== undefined) throw badRequest(`The input's data is a list of numbers; ${show(other)} is none.`);
  if (numbers.length === count) return Float32Array.from(numbers as number[]);
  throw badRequest(`The input's shape has ${count} numbers, but its data has ${numbers.length}.`);
}

function objectOf(value: unknown, what: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return own(value);
  throw badRequest(`${what} is an object, not ${show(value)}.`);
}

/** A copy without a prototype, so that `constructor` and the like are names as any other. */
const own = (value: object): Json => Object.assign(Object.create(null), value);

function arrayOf(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw badRequest(`${what} is a list, not ${show(value)}.`);
}

function textOf(value: unknown, what: string): string {
  if (typeof value === "string" && value.length <= 1000) return value;
  throw badRequest(`${what} is a text, not ${show(value)}.`);
}

function booleanOf(value: unknown, what: string): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  throw badRequest(`${what} is true or false, not ${show(value)}.`);
}

/** What was sent, in few words. Nothing of any depth is written out. */
function show(value: unknown): string {
  if (value === undefined) return "missing";
  if (Array.isArray(value)) {
    const isShort = value.length <= 8 && value.every((one) => typeof one === "number" || one === null);
    return isShort ? JSON.stringify(value) : `a list of ${value.length}`;
  }
  if (typeof value === "object" && value !== null) return "an object";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
