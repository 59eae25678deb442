/** What a client is told when it does not get what it asked for. */
import { type ErrorCode, isConvzooError } from "../errors.js";

/** An answer that is a refusal: its status, a word for programs and a sentence for people. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

/** The client went away: nobody reads what it is told, but the log does. */
export class ClientGone extends Refusal {
  constructor() {
    super(499, "client-gone", "The client closed the connection.");
  }
}

/** The word of refusals for want of room, which wait for their turn. */
export const BUSY = "busy";

/** A refusal of what may be asked again in some seconds. */
export const busy = (message: string, seconds: number): Refusal =>
  new Refusal(503, BUSY, message, { "retry-after": String(Math.max(1, Math.ceil(seconds))) });

export const badRequest = (message: string): Refusal => new Refusal(400, "bad-request", message);

/** What the package refuses because of what the client sent. Whatever else it throws is the server's affair. */
const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  "bad-image": 400,
  "bad-option": 400,
  "bad-shape": 400,
  "not-finite": 400,
  "unknown-class": 400,
  "unknown-output": 400,
  "no-embedding": 400,
  "not-convolutional": 400,
  "too-large": 413,
};

/** What an error is for the client: nothing of a stack, a path or an address. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (isConvzooError(error)) {
    const status = STATUS[error.code];
    if (status) return new Refusal(status, error.code, error.message);
    if (error.code === "poisoned" || error.code === "disposed")
      return new Refusal(503, "model-failed", "The model failed and is loaded again.", {
        "retry-after": "1",
      });
  }
  const message = "Something is wrong in the server; its log has more under this answer's x-request-id.";
  return new Refusal(500, "internal", message);
}
