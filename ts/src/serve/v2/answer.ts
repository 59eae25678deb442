/** Answers of the Open Inference Protocol v2, in JSON and with its binary tensor extension. */
import type { Classification } from "../../model.js";
import type { Tensor } from "../../tensor.js";
import { JSON_LENGTH } from "./request.js";

/** An output as it goes on the wire. */
export type Output =
  | { readonly name: string; readonly binary: boolean; readonly tensor: Tensor }
  /** The classes of each image. */
  | {
      readonly name: string;
      readonly binary: boolean;
      readonly classes: readonly (readonly Classification[])[];
    };

/** What an answer is about. */
export interface About {
  readonly model_name: string;
  readonly model_version: string;
  readonly id?: string;
}

/** A body and its headers. */
export interface Answer {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

/** JSON, or where an output is wanted in binary, JSON with the bytes of those outputs behind it. */
export function answerOf(about: About, outputs: readonly Output[]): Answer {
  const binaries: Uint8Array[] = [];
  const described = outputs.map((output) => {
    const isTensor = "tensor" in output;
    const { name } = output;
    const shape = isTensor ? output.tensor.shape : [output.classes.length, output.classes[0]!.length];
    const common = { name, datatype: isTensor ? "FP32" : "BYTES", shape };
    if (!output.binary) {
      const data = isTensor ? Array.from(output.tensor.data) : output.classes.flat().map(written);
      return { ...common, data };
    }
    const bytes = isTensor ? bytesOf(output.tensor.data) : textsOf(output.classes.flat().map(written));
    binaries.push(bytes);
    return { ...common, parameters: { binary_data_size: bytes.length } };
  });
  const json = JSON.stringify({ ...about, outputs: described });
  if (binaries.length === 0) return { body: json, headers: { "content-type": "application/json" } };
  const head = new TextEncoder().encode(json);
  const body = new Uint8Array(binaries.reduce((sum, { length }) => sum + length, head.length));
  body.set(head);
  let at = head.length;
  for (const bytes of binaries) {
    body.set(bytes, at);
    at += bytes.length;
  }
  return {
    body,
    headers: { "content-type": "application/octet-stream", [JSON_LENGTH]: String(head.length) },
  };
}

/** Triton's text for a class. */
const written = ({ score, index, label }: Classification): string => `${score.toFixed(6)}:${index}:${label}`;

/** The floats' bytes; every machine that runs JavaScript is little-endian. */
const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Texts as the protocol has them in binary: each its length in four bytes, then its UTF-8. */
function textsOf(texts: readonly string[]): Uint8Array {
  const encoded = texts.map((text) => new TextEncoder().encode(text));
  const bytes = new Uint8Array(encoded.reduce((sum, { length }) => sum + 4 + length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const text of encoded) {
    view.setUint32(at, text.length, true);
    bytes.set(text, at + 4);
    at += 4 + text.length;
  }
  return bytes;
}
