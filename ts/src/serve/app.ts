/** The server's routes, and what is done to every request on its way to them. */
import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import { unauthorized } from "./auth.js";
import type { Env, Server } from "./context.js";
import { deadline } from "./deadline.js";
import { BUSY, Refusal, refusalOf } from "./refusal.js";
import { imageRoutes } from "./routes/images.js";
import { repositoryRoutes } from "./routes/repository.js";
import { v2Routes } from "./routes/v2.js";

/** Paths that need no token: what asks whether a process lives has none. */
const OPEN = /^\/v2\/health\/(live|ready)$/;
/** A request's name, if it brings one. */
const ID = /^[\w.:-]{1,128}$/;

/** An application as Hono's adapters take it. */
export function makeApp(server: Server): Hono<Env> {
  const app = new Hono<Env>();

  app.use(async (c, next) => {
    const start = performance.now();
    const given = c.req.header("x-request-id");
    c.set("id", given && ID.test(given) ? given : randomUUID());
    c.set("route", "none");
    c.set("model", "");
    c.set("release", []);
    c.set("deadline", deadline(c.req.raw.signal, server.config().limits.seconds));
    try {
      await next().finally(() => {
        for (const release of c.var.release.splice(0)) release();
      });
      // It holds nothing by now but its connection.
      if (c.error instanceof Refusal && c.error.code === BUSY)
        await server.refusals.turn(c.var.deadline.signal);
    } finally {
      c.var.deadline.stop();
    }
    c.res.headers.set("x-request-id", c.var.id);
    if (server.stopping()) c.res.headers.set("connection", "close");
    report(server, c, performance.now() - start);
  });

  app.use(async (c, next) => {
    if (server.hasToken && !OPEN.test(c.req.path) && !server.hasToken(c.req.header("authorization") ?? null))
      throw unauthorized();
    await next();
  });

  app.get("/metrics", async (c) => {
    c.set("route", "metrics");
    const { text, type } = await server.metrics.page();
    return c.body(text, 200, { "content-type": type });
  });
  v2Routes(app, server);
  repositoryRoutes(app, server);
  imageRoutes(app, server);

  app.notFound((c) =>
    refused(c, new Refusal(404, "not-found", "There is nothing at this path; see /v2 for what this is.")),
  );
  app.onError((error, c) => {
    const refusal = refusalOf(error);
    if (refusal.status === 500)
      server.log("error", "internal error", { id: c.var.id, error: String(error.stack ?? error) });
    return refused(c, refusal);
  });
  return app;
}

function refused(c: Context<Env>, { status, code, message, headers }: Refusal): Response {
  // Nobody is there for 499, and Response knows no status below 200.
  return c.body(JSON.stringify({ error: message, code }), status as 500, {
    ...headers,
    "content-type": "application/json",
  });
}

function report({ log, metrics }: Server, c: Context<Env>, ms: number): void {
  const { route, model, id } = c.var;
  const { status } = c.res;
  metrics.answered(route, model, status, ms / 1000);
  const level = status >= 500 && status !== 503 && status !== 504 ? "error" : "info";
  log(level, "request", {
    id,
    method: c.req.method,
    path: c.req.path.slice(0, 200),
    status,
    ms: Math.round(100 * ms) / 100,
    client: c.env.address,
    ...(model && { model }),
  });
}
