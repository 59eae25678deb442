/** What every request for a model's work goes through. */
import type { Context } from "hono";
import { bodyOf, type Env, type Server } from "../context.js";
import { Refusal } from "../refusal.js";
import type { Served } from "../served.js";

/**
 * Lets a request in, if the model and the server have room for it, and answers it with what `work` makes of it; `body` reads its
 * body. A request that would not be let in is told so before its body is read; it counts as let in after.
 */
export async function inference(
  server: Server,
  c: Context<Env>,
  model: Served,
  work: (model: Served, body: () => Promise<Uint8Array<ArrayBuffer>>) => Promise<Response>,
): Promise<Response> {
  const gates = [server.requests, model.gate];
  if (server.stopping())
    throw new Refusal(503, "stopping", "The server is stopping; ask another.", { "retry-after": "1" });
  for (const gate of gates) gate.check();
  return work(model, async () => {
    // A client that is slow to send holds a connection and its bytes, but no place in the queue.
    const bytes = await bodyOf(server, c);
    for (const gate of gates) gate.check();
    for (const gate of gates) {
      gate.enter();
      c.var.release.push(() => gate.leave());
    }
    return bytes;
  });
}
