/**
 * The package's worker, the same file for web workers and for Node's: a core of its own, or a member of another's pool.
 * Self-contained, so that it can be served from anywhere as it is.
 */
import * as singleGlue from "../../build/core/single/core.js";
import * as threadsGlue from "../../build/core/threads/core.js";
import { nodeChannel, pauses, webChannel } from "./backend/channel.js";
import { Engine } from "./backend/engine.js";
import { importDecoders } from "./backend/import-decoders.js";
import type { Join, Membership } from "./backend/protocol.js";
import { serve } from "./backend/serve.js";

// By name, not the modules as a whole: the bundle then holds only these and what they use.
const single = { Core: singleGlue.Core, initSync: singleGlue.initSync, resize: singleGlue.resize };
const { initSync, wbg_rayon_start_worker } = threadsGlue;
const threads = {
  Core: threadsGlue.Core,
  initSync,
  resize: threadsGlue.resize,
  initThreadPool: threadsGlue.initThreadPool,
};

// Not imported: bundlers for browsers would look for Node's module.
const node = globalThis.process?.getBuiltinModule?.("node:worker_threads");
const caller = node?.parentPort ? nodeChannel(node.parentPort) : webChannel(globalThis as unknown as Worker);

/** Waits in the pool of another worker's core for work, for good. Tells the caller, not that worker, why it cannot. */
function join(port: MessagePort): void {
  port.onmessage = ({ data }) => {
    const { module, memory, receiver } = data as Membership;
    try {
      initSync({ module, memory });
      port.postMessage("joined");
      wbg_rayon_start_worker(receiver);
    } catch (error) {
      caller.post(String(error));
    }
  };
  port.onmessageerror = () => caller.post("the core's memory cannot be shared with its workers");
}

// What a worker is for is in its first message, which stays for the engine to hear if it is not for the pool.
const engine = new Engine({ single, threads, decoders: importDecoders });
serve(
  {
    ...caller,
    listen: (onMessage, onError) =>
      caller.listen((message) => {
        if (typeof message === "object" && message !== null && "join" in message)
          join((message as Join).join);
        else onMessage(message);
      }, onError),
  },
  engine,
  pauses(),
);
