#!/usr/bin/env node
/** The command `convzoo`: gives `main` this process. Nothing else of the package is loaded until a command needs it. */
import { version } from "../../package.json";
import { main } from "./cli/main.js";
import { ConvzooError } from "./errors.js";

// Whoever read the output (`| head`) has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  process.exitCode = await main(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    version,
    async writeFile(path, content) {
      const { writeWhole } = await import("./cli/whole.js");
      await writeWhole(path, (write) => write(content)).catch((cause: NodeJS.ErrnoException) => {
        throw new ConvzooError("bad-option", `${path} cannot be written: ${cause.message}.`, { cause });
      });
    },
    async stdin() {
      if (process.stdin.isTTY) {
        const message =
          "- is standard input, which is a terminal here; send an image into it, as in `... < dog.jpg`.";
        throw new ConvzooError("bad-option", message);
      }
      const { buffer } = await import("node:stream/consumers");
      return Uint8Array.from(await buffer(process.stdin));
    },
    interrupted() {
      const stop = new AbortController();
      process.once("SIGINT", () => stop.abort());
      return stop.signal;
    },
    onSignal(signals, then) {
      for (const signal of signals) process.on(signal, then);
    },
    load: async (...args) => (await import("./node.js")).load(...args),
    preprocess: async (...args) => (await import("./node.js")).preprocess(...args),
    decode: async (...args) => (await import("./node.js")).decode(...args),
    resize: async (...args) => (await import("./node.js")).resize(...args),
    summarize: async (...args) => (await import("./node.js")).summarize(...args),
    loadWeights: async (...args) => (await import("./node.js")).loadWeights(...args),
    fromOnnx: async (...args) => (await import("./node.js")).fromOnnx(...args),
    imageWorker: async () => (await import("./node.js")).imageWorker(),
    async cache() {
      const { cacheFolder, FolderCache } = await import("./node/cache.js");
      return new FolderCache(cacheFolder(process.env));
    },
  });
} catch (error) {
  // Left to Node, this would end with 1, which says that a file failed.
  console.error(error);
  process.exitCode = 2;
}
