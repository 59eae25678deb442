/** `convzoo serve`: from the command line to a server, and from the process's signals to its end. */
import { readFile, watch } from "node:fs/promises";
import { ConvzooError, isConvzooError } from "../errors.js";
import type { ServeConfig } from "../serve/config.js";
import type { Io } from "./io.js";
import { needPeers } from "./peers.js";

/** What `serve` was asked for. */
export interface ServeRequest {
  readonly config?: string;
  /** Where there is no file: the networks to serve. */
  readonly models: readonly string[];
  readonly threads?: number;
  /** What goes before the file's. */
  readonly host?: string;
  readonly port?: number;
  /** Whether only to read the configuration. */
  readonly check: boolean;
}

/** How long a file that changes is left to change on, milliseconds. */
const SETTLED = 300;

/** Serves until a signal ends it; then gives 0. Throws what reading the configuration, listening and loading throw. */
export async function serve(asked: ServeRequest, io: Io): Promise<number> {
  needPeers("serve");
  const { startServer } = await import("../serve/index.js");
  const { jsonLog } = await import("../serve/log.js");
  const config = await configOf(asked);
  if (asked.check) {
    io.stdout.write(`${asked.config ?? "The command line"} is fine: ${config.models.length} models.\n`);
    return 0;
  }
  const log = jsonLog((line) => io.stdout.write(line));
  const { load, fromOnnx, imageWorker, version } = io;
  const token = io.env.CONVZOO_TOKEN || undefined;
  const running = await startServer({
    config,
    log,
    version,
    library: { load, fromOnnx, imageWorker },
    ...(asked.config === undefined ? {} : { file: asked.config }),
    ...(token === undefined ? {} : { token }),
  });

  const reload = async () => {
    log("info", "reloading");
    try {
      await running.reload(await configOf(asked));
      log("info", "reloaded");
    } catch (error) {
      // What there was serves on.
      log("error", "not reloaded", {
        error: isConvzooError(error) ? error.message : String((error as Error).stack),
      });
    }
  };
  io.onSignal(["SIGHUP"], reload);
  const stopWatching = new AbortController();
  if (config.watch && asked.config !== undefined) void follow(asked.config, reload, stopWatching.signal);

  await new Promise<void>((resolve) => {
    let stopping = false;
    io.onSignal(["SIGTERM", "SIGINT"], () => {
      // Whoever asks twice does not want to wait.
      if (stopping) resolve();
      stopping = true;
      running.close().finally(resolve);
    });
  });
  stopWatching.abort();
  return 0;
}

/** The configuration, checked. Throws `not-found`, `bad-option`. */
async function configOf({ config: file, models, threads, host, port }: ServeRequest): Promise<ServeConfig> {
  const { readYaml } = await import("../config/yaml.js");
  const { configReader } = await import("../serve/config.js");
  const content =
    file === undefined
      ? JSON.stringify({ models: models.map((model) => ({ model, threads })) })
      : await readFile(file, "utf8").catch((cause) => {
          throw new ConvzooError("not-found", `${file} cannot be read: ${cause.message}.`, {
            source: file,
            cause,
          });
        });
  const config = readYaml(content, file ?? "the command line", configReader);
  return { ...config, host: host ?? config.host, port: port ?? config.port };
}

/** Calls `changed` when the file has changed and is left alone again. */
async function follow(file: string, changed: () => void, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const { basename, dirname } = await import("node:path");
  try {
    // The folder: editors, and Kubernetes, put another file in the place of the one that was watched.
    for await (const { filename } of watch(dirname(file), { signal })) {
      if (filename !== basename(file) && filename !== "..data") continue;
      clearTimeout(timer);
      timer = setTimeout(changed, SETTLED);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
