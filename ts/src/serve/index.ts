/** A server from its configuration to its end. */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { ConvzooError } from "../errors.js";
import { makeApp } from "./app.js";
import { bearerCheck, isLoopback } from "./auth.js";
import type { ServeConfig } from "./config.js";
import type { Server } from "./context.js";
import { Gate } from "./gate.js";
import { Images } from "./images.js";
import type { Library } from "./library.js";
import { type Listening, listen } from "./listen.js";
import type { Log } from "./log.js";
import { Metrics } from "./metrics.js";
import { Models } from "./models.js";
import { openModel } from "./open.js";
import { Pace } from "./pace.js";
import { Pool } from "./pool.js";
import { busy } from "./refusal.js";

/** What a server is started with. */
export interface Start {
  readonly config: ServeConfig;
  /** The configuration's file, from whose folder others are named. */
  readonly file?: string;
  /** What clients must send; before the configuration's `tokenFile`. */
  readonly token?: string;
  readonly version: string;
  readonly library: Library;
  readonly log: Log;
}

/** A server that runs. */
export interface Running {
  readonly url: string;
  /** Follows another configuration: its models, `urls` and limits of single requests. Rejects where a model does not load. */
  reload(config: ServeConfig): Promise<void>;
  /** Finishes what was accepted, within `limits.shutdownSeconds`, and ends. */
  close(): Promise<void>;
}

/** Listens, then loads the models. Rejects where it cannot listen, or where a model does not load; nothing is left then. */
export async function startServer(start: Start): Promise<Running> {
  const { config, log } = start;
  const { limits, host } = config;
  const made = await makeServer(start);
  const { app, server } = made;
  const listening: Listening = await listen((request, env) => app.fetch(request, env), config);
  log("info", "listening", { url: listening.url, models: config.models.length });
  if (!server.hasToken && !isLoopback(host))
    log("warn", "anybody who reaches this address may use the models: there is no token", { host });
  const end = () => {
    made.end();
    listening.kill();
  };
  try {
    await server.models.follow(config.models);
  } catch (error) {
    end();
    await listening.close();
    throw error;
  }
  log("info", "ready");
  return {
    url: listening.url,
    reload: made.reload,
    async close() {
      made.stop();
      log("info", "stopping", { requests: server.requests.held });
      const done = listening.close().then(() => server.models.close());
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, 1000 * limits.shutdownSeconds);
      });
      await Promise.race([done, late]);
      clearTimeout(timer);
      if (server.requests.held > 0)
        log("warn", "stopped before all was answered", { requests: server.requests.held });
      end();
      log("info", "stopped");
    },
  };
}

/** A server without an address: its application, and what to do with it. */
export interface Made {
  readonly app: ReturnType<typeof makeApp>;
  readonly server: Server;
  reload(config: ServeConfig): Promise<void>;
  /** Takes no more requests. */
  stop(): void;
  /** Ends the models and the image workers, whatever they are doing. */
  end(): void;
}

/** Throws `not-found` and `bad-option` for a token that cannot be had. Its models are not loaded yet. */
export async function makeServer({
  config: first,
  file,
  token,
  version,
  library,
  log,
}: Start): Promise<Made> {
  let config = first;
  let stopping = false;
  const secret = token ?? (await tokenOf(config.tokenFile));
  const { limits } = config;
  const models = new Models((one, signal) => openModel(one, file, library, signal), {
    ran: (model, rows, ms) => metrics.ran(model, rows, ms),
    waited: (model, ms) => metrics.waited(model, ms),
    log: (event, fields) => log(event === "model failed" ? "error" : "info", event, fields),
  });
  const metrics = new Metrics(() => models.all());
  const decoders = config.decoders ?? decodersFor(availableParallelism());
  const workers = await Promise.all(Array.from({ length: decoders }, library.imageWorker));
  const images = new Images(workers, limits.seconds);
  const full = (what: string) => () => busy(`The server has all the ${what} that it takes; come back.`, 1);
  const server: Server = {
    version,
    config: () => config,
    models,
    images,
    turns: new Pool([{}]),
    metrics,
    log,
    requests: new Gate(limits.concurrency, full("requests")),
    bodies: new Gate(limits.bodies, full("data")),
    refusals: new Pace(REFUSALS.each, REFUSALS.ms),
    ...(secret === undefined ? {} : { hasToken: bearerCheck(secret) }),
    stopping: () => stopping,
  };
  return {
    app: makeApp(server),
    server,
    async reload(next) {
      config = { ...next, host: config.host, port: config.port };
      await models.follow(next.models);
    },
    stop() {
      stopping = true;
      server.refusals.end();
      models.hurry();
    },
    end() {
      images.dispose();
      models.kill();
    },
  };
}

/**
 * Refusals for want of room: a hundred a second. Clients that ask again at once would ask as often as they are answered, and what
 * workers have to say would wait behind them: bench/README.md has both rates.
 */
const REFUSALS = { each: 5, ms: 50 };

/** Enough that models do not wait for images: decoding one takes about as long as two cores take to classify it. */
const decodersFor = (cores: number): number => Math.min(8, Math.ceil(cores / 2));

async function tokenOf(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const content = await readFile(file, "utf8").catch((cause) => {
    throw new ConvzooError("not-found", `The token's file ${file} cannot be read: ${cause.message}.`, {
      cause,
    });
  });
  const token = content.trim();
  if (token.length >= 16) return token;
  throw new ConvzooError("bad-option", `The token in ${file} is too short: it has at least 16 characters.`);
}
