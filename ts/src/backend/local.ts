/** A conversation within one thread, for runtimes without workers. */
import type { Channel } from "./channel.js";
import { type Served, serve } from "./serve.js";

/** The caller's end of a conversation with an engine in place. */
export function localChannel(engine: Served): Channel {
  let ended = false;
  let toCaller: (message: unknown) => void = () => {};
  let toEngine: (message: unknown) => void = () => {};
  const deliver = (to: () => (message: unknown) => void) => (message: unknown) =>
    queueMicrotask(() => {
      if (!ended) to()(message);
    });
  const end = () => {
    ended = true;
    engine.free();
  };
  const common = { hold: () => {}, end };
  // A message to oneself where there are such: browsers hold timers back to 4 ms. It is closed, or Node would wait for more.
  const pause = () =>
    new Promise<void>((resolve) => {
      if (!globalThis.MessageChannel) return void setTimeout(resolve);
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(0);
    });
  serve(
    { ...common, post: deliver(() => toCaller), listen: (onMessage) => (toEngine = onMessage) },
    engine,
    pause,
  );
  return { ...common, post: deliver(() => toEngine), listen: (onMessage) => (toCaller = onMessage) };
}
