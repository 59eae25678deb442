/**
 * Every way in which the package can refuse. The keys are the codes of `ConvzooError`; the type, the runtime list and the
 * documentation are all this table. The Rust core's codes are a subset (a test compares them).
 */
export const ERROR_CODES = {
  "unknown-model": "No network of the zoo has this name; the message lists the nearest ones.",
  "unknown-weights": "The network has no registered checkpoint of this name, or none at all; pass `weights`.",
  "bad-option": "An option has a value that it cannot have.",
  "bad-net": "The network's layers do not fit together (a programming error in a hand-made net).",
  "not-convolutional":
    "There is no fully convolutional form of the network, or none as asked for; the message names the layer and the reason.",
  "bad-shape": "A tensor or an image has the wrong rank, channel count or size for this network.",
  "not-finite": "The input holds NaN or an infinity.",
  "too-large": "The input needs more memory than the engine can have.",
  "bad-image": "The bytes are not an image that can be decoded, or the pixels do not fit the stated size.",
  "not-found": "The path or URL does not exist.",
  "fetch-failed": "The path or URL exists but could not be read.",
  "wrong-hash":
    "A downloaded checkpoint is not the file that the zoo registers; it was not used and not kept.",
  "unknown-format":
    "The bytes are not in a weight format that is known; the message says what they look like.",
  "bad-weights": "The weight file is damaged or breaks its format's rules.",
  "unsafe-pickle":
    "The PyTorch file names code that weights have no use for; the message names it. Nothing of it was run.",
  "missing-weight": "The checkpoint lacks a key that the network wants.",
  "extra-weight": "The checkpoint has a key that the network does not know.",
  "weight-shape": "A weight has another shape than the network wants; the message gives both.",
  "unknown-class":
    "A class is named that the network or the map does not have, or that shares its name with another.",
  "unknown-output": "`outputs` names a path that the network does not have.",
  "no-embedding":
    "The network has no single classifier whose input could stand for the image; the message says why.",
  "bad-wasm": "The core's .wasm could not be had: the message says what was found in its place.",
  unsupported: "This runtime cannot do what was asked; the message says what is missing.",
  "device-lost":
    "The GPU device was lost and could not be had again (or was the caller's own); load the model again.",
  "device-failed": "The GPU refused a shader or a step; the message names the layer. Please report it.",
  disposed: "The model was disposed of.",
  poisoned: "The core trapped in an earlier call; its memory was dropped. Load the model again.",
} as const satisfies Record<string, string>;

/** A code of {@link ConvzooError}: a closed union. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What an error is about, where that applies. */
export interface ErrorDetails {
  /** The checkpoint key. */
  readonly key?: string;
  /** The layer's path in the network. */
  readonly node?: string;
  /** The file, URL or model name. */
  readonly source?: string;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/** The one error class of the package: `code` says which case it is, the message what to do about it. */
export class ConvzooError extends Error {
  readonly code: ErrorCode;
  readonly key?: string;
  readonly node?: string;
  readonly source?: string;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "ConvzooError";
    this.code = code;
    if (details.key !== undefined) this.key = details.key;
    if (details.node !== undefined) this.node = details.node;
    if (details.source !== undefined) this.source = details.source;
  }
}

/** For calls of what is no more. */
export const disposed = (): ConvzooError =>
  new ConvzooError("disposed", "The model was disposed of; load it again to use it.");

/** Whether this is a {@link ConvzooError}, also where another copy of the package threw it. */
export function isConvzooError(error: unknown): error is ConvzooError {
  return error instanceof Error && error.name === "ConvzooError" && "code" in error;
}
