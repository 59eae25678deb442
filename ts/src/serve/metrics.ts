/** What Prometheus is told. */
import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Served } from "./served.js";

/** Seconds: from a small network alone to a large one behind a full queue. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/** How long a model may take to say how much memory it holds, milliseconds: its answer waits behind its runs. */
const PATIENCE = 500;

/** The numbers of one server. Names of models and routes are labels, both of a closed set; nothing that clients send is. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Histogram<"route" | "model" | "status">;
  readonly #runs: Histogram<"model">;
  readonly #sizes: Histogram<"model">;
  readonly #waits: Histogram<"model">;

  constructor(models: () => Iterable<Served>) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Histogram({
      name: "convzoo_request_seconds",
      help: "From a request's headers to its answer.",
      labelNames: ["route", "model", "status"],
      buckets: SECONDS,
      registers,
    });
    this.#runs = new Histogram({
      name: "convzoo_run_seconds",
      help: "Runs of a network, each of a batch.",
      labelNames: ["model"],
      buckets: SECONDS,
      registers,
    });
    this.#sizes = new Histogram({
      name: "convzoo_batch_size",
      help: "Inputs that ran together.",
      labelNames: ["model"],
      buckets: ROWS,
      registers,
    });
    this.#waits = new Histogram({
      name: "convzoo_queue_seconds",
      help: "How long inputs waited for their run.",
      labelNames: ["model"],
      buckets: SECONDS,
      registers,
    });
    const gauge = (name: string, help: string, of: (model: Served) => number) =>
      new Gauge({
        name,
        help,
        labelNames: ["model"],
        registers,
        collect() {
          this.reset();
          for (const model of models()) this.set({ model: model.name }, of(model));
        },
      });
    gauge("convzoo_queue_length", "Inputs that wait for their run.", (model) => model.waiting);
    gauge("convzoo_requests_in_progress", "Requests that were accepted.", (model) => model.gate.held);
    gauge("convzoo_model_ready", "1 where the model takes requests.", (model) => Number(model.ready));
    new Gauge({
      name: "convzoo_model_memory_bytes",
      help: "What a model holds: packed weights, room for maps, all of its core's memory.",
      labelNames: ["model", "kind"],
      registers,
      async collect() {
        await Promise.all(
          [...models()].map(async (model) => {
            const memory = model.opened?.model.memory().catch(() => undefined);
            // One that is busy keeps the numbers it had.
            const known = await Promise.race([
              memory,
              new Promise<undefined>((done) => setTimeout(done, PATIENCE)),
            ]);
            for (const [kind, bytes] of Object.entries(known ?? {}))
              this.set({ model: model.name, kind }, bytes);
          }),
        );
      },
    });
  }

  answered(route: string, model: string, status: number, seconds: number): void {
    this.#requests.observe({ route, model, status }, seconds);
  }

  ran(model: string, rows: number, ms: number): void {
    this.#sizes.observe({ model }, rows);
    this.#runs.observe({ model }, ms / 1000);
  }

  waited(model: string, ms: number): void {
    this.#waits.observe({ model }, ms / 1000);
  }

  async page(): Promise<{ readonly text: string; readonly type: string }> {
    return { text: await this.#registry.metrics(), type: this.#registry.contentType };
  }
}
