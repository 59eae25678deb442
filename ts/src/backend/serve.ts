/** The core's end of a conversation: takes calls one after another and answers each. */
import { type ErrorCode, isConvzooError } from "../errors.js";
import type { Channel } from "./channel.js";
import type { Refusal, Reply, Request } from "./protocol.js";

export type CallRequest = Exclude<Request, { readonly abort: number }>;

/** What answers calls: an instance of a core and the network it holds. Calls do not overlap. */
export interface Served {
  /** Gives the call's result, or a promise of it. Between parts of what takes long, `turn` rejects where the caller has given up. */
  perform(request: CallRequest, turn: () => Promise<void>): unknown;
  /** Gives the network's memory back, where no worker ends with it. */
  free(): void;
}

/** Thrown inside a call whose caller has given up; nobody waits for an answer. */
class GivenUp extends Error {}

/** Serves `engine` over `channel` until the other side ends it. `pause` lets in the messages that wait; who takes no turns needs none. */
export function serve(channel: Channel, engine: Served, pause?: () => Promise<void>): void {
  const givenUp = new Set<number>();
  /** The aborts that were sent, where that is known, and those that came. */
  let aborts: Int32Array | undefined;
  let heard = 0;
  let last = Promise.resolve();

  const answer = async (request: CallRequest) => {
    const check = () => {
      if (givenUp.has(request.id)) throw new GivenUp();
    };
    const turn = async () => {
      // Not always: a run has many turns, and each pause takes a while.
      if (!aborts || Atomics.load(aborts, 0) !== heard) await pause?.();
      check();
    };
    try {
      check();
      if (request.call === "start") aborts = request.args.aborts;
      const result = await engine.perform(request, turn);
      channel.post({ id: request.id, result } satisfies Reply, buffersOf(result));
    } catch (error) {
      if (!(error instanceof GivenUp)) channel.post(replyOf(request.id, error));
    } finally {
      givenUp.delete(request.id);
    }
  };

  channel.listen(
    (message) => {
      const request = message as Request;
      if ("abort" in request) {
        heard++;
        givenUp.add(request.abort);
      } else last = last.then(() => answer(request));
    },
    () => {},
  );
}

function replyOf(id: number, error: unknown): Reply {
  // By name: the decoders, a file of their own, have a class of their own.
  if (isConvzooError(error))
    return { id, refused: { code: error.code, message: error.message, node: error.node } };
  // The core's refusals are plain objects; whatever else comes out of it is a trap or a bug.
  const { code, message, node } = (error ?? {}) as Partial<Refusal>;
  if (!(error instanceof Error) && code && message)
    return { id, refused: { code: code as ErrorCode, message, node } };
  return { id, trapped: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
}

/** The buffers of a result's arrays, which change hands instead of being copied: the result is all the other side's. */
function buffersOf(result: unknown): ArrayBuffer[] {
  const parts = (Array.isArray(result) ? result : [result]) as (
    | { data?: ArrayBufferView; bytes?: ArrayBufferView }
    | undefined
  )[];
  const buffers = parts.map((part) => (part?.data ?? part?.bytes)?.buffer);
  return [...new Set(buffers)].filter((buffer): buffer is ArrayBuffer => buffer instanceof ArrayBuffer);
}
