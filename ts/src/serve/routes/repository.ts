/** Triton's model repository extension, as far as it makes sense here: which models there are, and loading one again. */
import type { Context, Hono } from "hono";
import { isLocal } from "../auth.js";
import type { Env, Server } from "../context.js";
import { Refusal } from "../refusal.js";

export function repositoryRoutes(app: Hono<Env>, server: Server): void {
  /** A token is checked before; without one, only somebody on this machine may. */
  const checkMay = (c: Context<Env>): void => {
    c.set("route", "repository");
    if (server.hasToken || isLocal(c.env.address, c.req.raw.headers)) return;
    const message = "Without a token, models are loaded from this machine alone.";
    throw new Refusal(403, "forbidden", message);
  };

  app.post("/v2/repository/index", (c) => {
    checkMay(c);
    const rows = [...server.models.all()].map(({ name, config, ready }) => {
      return { name, version: config.version, state: ready ? "READY" : "UNAVAILABLE", reason: "" };
    });
    return c.json(rows);
  });

  app.post("/v2/repository/models/:name/load", async (c) => {
    checkMay(c);
    const model = server.models.get(c.req.param("name"));
    c.set("model", model.name);
    await model.reload().catch((error) => {
      server.log("error", "model not loaded", {
        id: c.var.id,
        model: model.name,
        error: String(error.message),
      });
      // What is wrong with a file is its owner's to know, who can read the log.
      throw new Refusal(
        500,
        "not-loaded",
        "The model could not be loaded again; the one there was serves on. See the log.",
      );
    });
    return c.json({});
  });
}
