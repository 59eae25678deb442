/** One side of a conversation with a worker, the same for every kind of worker. */
export interface Channel {
  post(message: unknown, transfer?: readonly Transferable[]): void;
  /** `onError` hears that the other side is gone. */
  listen(onMessage: (message: unknown) => void, onError: (error: unknown) => void): void;
  /** Whether the conversation keeps the process alive. */
  hold(on: boolean): void;
  /** Ends the other side, whatever it is doing. */
  end(): void;
}

/** What Node's worker_threads workers and ports have in common. */
interface NodePort {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void;
  on(event: "message" | "error" | "messageerror" | "exit", listener: (value: unknown) => void): unknown;
  ref?(): void;
  unref?(): void;
  terminate?(): unknown;
}

/** A channel over Node's worker_threads: a Worker, or within one its `parentPort`. */
export function nodeChannel(port: NodePort): Channel {
  return {
    post: (message, transfer) => port.postMessage(message, transfer),
    listen(onMessage, onError) {
      port.on("message", onMessage);
      port.on("error", onError);
      port.on("messageerror", onError);
      port.on("exit", () => onError(new Error("the worker ended")));
    },
    hold: (on) => (on ? port.ref?.() : port.unref?.()),
    end: () => void port.terminate?.(),
  };
}

/** What a Worker and the global object within one have in common. */
interface WebPort {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(event: "message", listener: (event: MessageEvent<unknown>) => void): void;
  addEventListener(event: "error" | "messageerror", listener: (event: Event) => void): void;
  terminate?(): void;
}

/** A channel over a web Worker, or within one over its global object. */
export function webChannel(port: WebPort): Channel {
  return {
    post: (message, transfer = []) => port.postMessage(message, [...transfer]),
    listen(onMessage, onError) {
      port.addEventListener("message", (event) => onMessage(event.data));
      const failed = (event: Event) =>
        onError(new Error((event as ErrorEvent).message || `the worker had an ${event.type}`));
      port.addEventListener("error", failed);
      port.addEventListener("messageerror", failed);
    },
    hold: () => {},
    end: () => port.terminate?.(),
  };
}

/**
 * Within a worker: what lets queued messages arrive, once at a time. A message to oneself, for timers are held back to 4 ms in
 * browsers; by one channel, for to make one takes longer than the message.
 */
export function pauses(): () => Promise<void> {
  const { port1, port2 } = new MessageChannel();
  let go = () => {};
  port1.onmessage = () => go();
  return () =>
    new Promise((resolve) => {
      go = resolve;
      port2.postMessage(0);
    });
}
