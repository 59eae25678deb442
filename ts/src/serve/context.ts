/** What the routes of a server share. */
import type { Context } from "hono";
import { type Body, type BodyLimits, readBody, type Source } from "./body.js";
import type { ServeConfig } from "./config.js";
import type { Deadline } from "./deadline.js";
import type { Gate } from "./gate.js";
import type { Images } from "./images.js";
import type { Log } from "./log.js";
import type { Metrics } from "./metrics.js";
import type { Models } from "./models.js";
import type { Pace } from "./pace.js";
import type { Pool } from "./pool.js";
import { JSON_LENGTH } from "./v2/request.js";

/** A request on its way, as Hono has it. */
export interface Env {
  Bindings: {
    /** Where it comes from. */
    readonly address: string;
    /** Its body as Node has it, which is read with less ado than the web's stream. */
    readonly incoming?: Source;
  };
  Variables: {
    id: string;
    /** Which of the server's routes it is, for the log and the metrics. */
    route: string;
    /** The model that it is for. */
    model: string;
    deadline: Deadline;
    /** Gives back what it holds. */
    release: (() => void)[];
  };
}

/** All that a server has. */
export interface Server {
  readonly version: string;
  readonly config: () => ServeConfig;
  readonly models: Models;
  readonly images: Images;
  /** One dense prediction at a time, since each holds all of an image's pixels. */
  readonly turns: Pool<object>;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Requests, and bytes of their bodies. */
  readonly requests: Gate;
  readonly bodies: Gate;
  /** Refusals for want of room, so that those who ask again at once take nothing from those who are served. */
  readonly refusals: Pace;
  /** Says whether a header has the token; absent where there is none. */
  readonly hasToken?: (header: string | null) => boolean;
  stopping(): boolean;
}

export const limitsOf = (server: Server, c: Context<Env>): BodyLimits => ({
  most: server.config().limits.body,
  all: server.bodies,
  signal: c.var.deadline.signal,
});

/** The request's body, held until it is answered. */
export async function bodyOf(server: Server, c: Context<Env>): Promise<Body["bytes"]> {
  const source = c.env.incoming ?? (c.req.raw.body as AsyncIterable<Uint8Array> | null);
  // A tensor behind its JSON can then be used where it lies.
  const aligned = Number.parseInt(c.req.header(JSON_LENGTH) ?? "0", 10) || 0;
  const body = await readBody(source, c.req.raw.headers, { ...limitsOf(server, c), aligned });
  c.var.release.push(body.release);
  return body.bytes;
}
