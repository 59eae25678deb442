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
      const { writeFile } = await import("node:fs/promises");
      await writeFile(path, content).catch((cause: NodeJS.ErrnoException) => {
        throw new ConvzooError("bad-option", `${path} cannot be written: ${cause.message}.`, { cause });
      });
    },
    load: async (...args) => (await import("./node.js")).load(...args),
    loadWeights: async (...args) => (await import("./node.js")).loadWeights(...args),
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
