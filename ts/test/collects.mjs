/** Before a server, by `--import`: asked over the channel to its parent, its main thread collects its garbage and says what it holds. */
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMainThread } from "node:worker_threads";

if (isMainThread) {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  process.on("message", async () => {
    // What is freed by a finalizer, or by what was told of a closed socket, is garbage a turn later.
    for (let i = 0; i < 3; i++) {
      collect();
      await pause(20);
    }
    const { heapUsed, external } = process.memoryUsage();
    process.send(heapUsed + external);
  });
  // It is no reason to live on.
  process.channel.unref();
}
