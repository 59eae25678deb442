/** The end of a request's patience: its client's, or ours. */
import { ClientGone, Refusal } from "./refusal.js";

/** A signal for one request's work. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Ends the watch, once the answer is made. */
  stop(): void;
}

/**
 * Aborts with {@link ClientGone} when `client` does, and with 504 after so many seconds. (Not AbortSignal.any: in Node 20 what
 * it makes is never collected.)
 */
export function deadline(client: AbortSignal, seconds: number): Deadline {
  const controller = new AbortController();
  const gone = () => controller.abort(new ClientGone());
  const late = () => {
    const message = `The answer took longer than the ${seconds} seconds that a request may take.`;
    controller.abort(new Refusal(504, "timed-out", message));
  };
  const timer = setTimeout(late, 1000 * seconds);
  if (client.aborted) gone();
  else client.addEventListener("abort", gone, { once: true });
  return {
    signal: controller.signal,
    stop() {
      clearTimeout(timer);
      client.removeEventListener("abort", gone);
    },
  };
}

/** What `promise` gives, unless the signal is quicker; then its reason is thrown, and nobody waits for the promise. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
