/** Where an application hears its requests: Node's server, Deno's or Bun's, each by Hono's adapter for it. */
import type { IncomingMessage, Server as NodeServer, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { ConvzooError } from "../errors.js";
import type { Source } from "./body.js";
import type { ServeConfig } from "./config.js";
import type { Env } from "./context.js";

type Fetch = (request: Request, env: Env["Bindings"]) => Response | Promise<Response>;

/** A server that listens. */
export interface Listening {
  readonly url: string;
  /** Takes no more connections, and ends when all are done with. */
  close(): Promise<void>;
  /** Breaks all connections off. */
  kill(): void;
}

/** Seconds for a request's headers, and without a request on a connection that is kept. */
const SECONDS = { headers: 10, idle: 60 };
/** Bytes of a request's headers; Node says 431 to more. */
const MOST_HEADERS = 16_384;
/** Headers of a request; Node does not read those beyond. */
const MOST_HEADER_LINES = 100;

/** Throws `bad-option` where the address cannot be had. */
export async function listen(fetch: Fetch, config: ServeConfig): Promise<Listening> {
  const { host, port } = config;
  const failed = (cause: unknown): never => {
    const message = `${host}:${port} cannot be listened to: ${(cause as Error).message}. Choose another --host or --port.`;
    throw new ConvzooError("bad-option", message, { cause });
  };
  if ("Deno" in globalThis) return listenInDeno(fetch, config, failed);
  if ("Bun" in globalThis) return listenInBun(fetch, config, failed);
  return listenInNode(fetch, config).catch(failed);
}

async function listenInNode(fetch: Fetch, { host, port, limits }: ServeConfig): Promise<Listening> {
  const sending = new Set<Socket>();
  const server = createAdaptorServer({
    fetch: (request, env) => {
      const { incoming, outgoing } = env as { incoming: IncomingMessage; outgoing: ServerResponse };
      outgoing.once("finish", () => readOut(incoming, limits.seconds, sending));
      // Not the stream itself, which would end the connection with the reading: who sends too much is to hear of it.
      const source: Source = { [Symbol.asyncIterator]: () => incoming.iterator({ destroyOnReturn: false }) };
      return fetch(request, { address: incoming.socket.remoteAddress ?? "", incoming: source });
    },
    // The adapter gives who is still sending half a second.
    autoCleanupIncoming: false,
    hostname: host,
    serverOptions: {
      maxHeaderSize: MOST_HEADERS,
      headersTimeout: 1000 * Math.min(SECONDS.headers, limits.seconds),
      requestTimeout: 1000 * (SECONDS.headers + limits.seconds),
      keepAliveTimeout: 1000 * SECONDS.idle,
      connectionsCheckingInterval: 500,
    },
  }) as NodeServer;
  server.maxConnections = limits.connections;
  server.maxHeadersCount = MOST_HEADER_LINES;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    url: urlOf(host, (server.address() as AddressInfo).port),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        // Idle too: they have their answers.
        for (const socket of sending) socket.destroy();
      }),
    kill: () => server.closeAllConnections(),
  };
}

/**
 * Drops what a client sends that has its answer already, so that the connection can be used again: most read no answer before they
 * have sent all. One that is not done after so many seconds is cut off; until then its socket is in `sending`.
 */
function readOut(incoming: IncomingMessage, seconds: number, sending: Set<Socket>): void {
  if (incoming.readableEnded) return;
  incoming.resume();
  if (incoming.complete) return;
  const { socket } = incoming;
  const timer = setTimeout(() => socket.destroy(), 1000 * seconds);
  const done = () => {
    clearTimeout(timer);
    sending.delete(socket);
    socket.off("close", done);
  };
  sending.add(socket);
  incoming.once("end", done);
  // A request that is answered no longer hears of its connection's end.
  socket.once("close", done);
}

/** What of Deno is used. */
interface Deno {
  serve(
    options: { port: number; hostname: string; onListen(): void },
    handler: (request: Request, info: { remoteAddr: { hostname: string } }) => Response | Promise<Response>,
  ): { readonly addr: { readonly port: number }; shutdown(): Promise<void> };
}

function listenInDeno(
  fetch: Fetch,
  { host, port }: ServeConfig,
  failed: (cause: unknown) => never,
): Listening {
  const { Deno } = globalThis as unknown as { Deno: Deno };
  try {
    const server = Deno.serve({ port, hostname: host, onListen: () => {} }, (request, { remoteAddr }) =>
      fetch(request, { address: remoteAddr.hostname }),
    );
    return { url: urlOf(host, server.addr.port), close: () => server.shutdown(), kill: () => {} };
  } catch (error) {
    return failed(error);
  }
}

/** What of Bun is used. */
interface Bun {
  serve(options: {
    port: number;
    hostname: string;
    idleTimeout: number;
    maxRequestBodySize: number;
    fetch(request: Request, server: BunServer): Response | Promise<Response>;
  }): BunServer;
}

interface BunServer {
  readonly port: number;
  requestIP(request: Request): { readonly address: string } | null;
  stop(now?: boolean): Promise<void>;
}

function listenInBun(
  fetch: Fetch,
  { host, port, limits }: ServeConfig,
  failed: (cause: unknown) => never,
): Listening {
  const { Bun } = globalThis as unknown as { Bun: Bun };
  try {
    const server = Bun.serve({
      port,
      hostname: host,
      idleTimeout: Math.min(255, SECONDS.headers + Math.ceil(limits.seconds)),
      // Bun would hang up on a body that is too large, which breaks the pipe of a client that sends on; told 413 by us, it reads
      // and drops what nobody takes.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: (request, { requestIP }) =>
        fetch(request, { address: requestIP.call(server, request)?.address ?? "" }),
    });
    return {
      url: urlOf(host, server.port),
      close: () => server.stop(),
      kill: () => void server.stop(true),
    };
  } catch (error) {
    return failed(error);
  }
}

const urlOf = (host: string, port: number): string =>
  `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
