/** The command line from arguments to exit code. */
import { isConvzooError } from "../errors.js";
import { parse } from "./args.js";
import { errorLine } from "./format.js";
import type { Io } from "./io.js";

/**
 * Runs one command: `argv` is what stands after `convzoo`.
 *
 * Gives the exit code: 0 all is well, 1 a file failed and the others did not, 2 the command could not be understood or
 * could not start. A ConvzooError ends as one line on stderr; any other error is a bug and is thrown on.
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  try {
    const asked = parse(argv);
    switch (asked.command) {
      case "help":
        io.stdout.write(asked.text);
        return 0;
      case "version":
        io.stdout.write(`${io.version}\n`);
        return 0;
      case "classify":
        return await (await import("./classify.js")).classify(asked, io);
      case "dense":
        return await (await import("./dense.js")).dense(asked, io);
      case "describe":
        return (await import("./describe.js")).describeModel(asked, io);
      case "models":
        return await (await import("./models.js")).listModels(asked, io);
      case "bench":
        return await (await import("./bench.js")).bench(asked, io);
      case "convert":
        return await (await import("./convert.js")).convert(asked, io);
      case "cache":
        return await (await import("./cache.js")).manageCache(asked, io);
      case "bulk":
        return await (await import("./bulk.js")).bulk(asked, io);
      case "serve":
        return await (await import("./serve.js")).serve(asked, io);
    }
  } catch (error) {
    if (!isConvzooError(error)) throw error;
    io.stderr.write(errorLine(error));
    return 2;
  }
}
