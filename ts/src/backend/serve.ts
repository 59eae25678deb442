/** The core's end of a conversation: takes calls one after another and answers each. */
import { type ErrorCode, isConvzooError } from "../errors.js";
import type { Channel } from "./channel.js";
import type { Engine } from "./engine.js";
import type { Refusal, Reply, Request } from "./protocol.js";

type CallRequest = Exclude<Request, { readonly abort: number }>;

/** Thrown inside a call whose caller has given up; nobody waits for an answer. */
class GivenUp extends Error {}

/** Serves `engine` over `channel` until the other side ends it. */
export function serve(channel: Channel, engine: Engine): void {
  const givenUp = new Set<number>();
  let last = Promise.resolve();

  const answer = async (request: CallRequest) => {
    try {
      const result = await perform(engine, request, () => {
        if (givenUp.has(request.id)) throw new GivenUp();
      });
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
      if ("abort" in request) givenUp.add(request.abort);
      else last = last.then(() => answer(request));
    },
    () => {},
  );
}

async function perform(engine: Engine, request: CallRequest, check: () => void): Promise<unknown> {
  check();
  switch (request.call) {
    case "start":
      return engine.start(request.args);
    case "network":
      return engine.network(request.args);
    case "tune":
      return engine.tune();
    case "load":
      return engine.load(request.args);
    case "view":
      return engine.view(request.args);
    case "room":
      return engine.room(request.args);
    case "run":
      return engine.run(request.args, check);
    case "profile":
      return engine.profile(request.args);
    case "decode":
      return engine.decode(request.args);
    case "resize":
      return engine.resize(request.args);
    case "preprocess":
      return engine.preprocess(request.args);
    case "bytes":
      return engine.bytes();
  }
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
  const tensors = (Array.isArray(result) ? result : [result]) as ({ data?: ArrayBufferView } | undefined)[];
  const buffers = tensors.map((tensor) => tensor?.data?.buffer);
  return [...new Set(buffers)].filter((buffer): buffer is ArrayBuffer => buffer instanceof ArrayBuffer);
}
