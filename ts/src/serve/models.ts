/** The models of a server, by name. */
import { isConvzooError } from "../errors.js";
import { type ModelConfig, nameOf } from "./config.js";
import { Refusal } from "./refusal.js";
import { type Listener, Served } from "./served.js";

type Open = ConstructorParameters<typeof Served>[1];

export class Models {
  #models = new Map<string, Served>();

  constructor(
    private readonly open: Open,
    private readonly listener: Listener,
  ) {}

  all(): Iterable<Served> {
    return this.#models.values();
  }

  /** Whether each can take requests. */
  get ready(): boolean {
    return this.#models.size > 0 && [...this.#models.values()].every((model) => model.ready);
  }

  /** The model of a name; the first without one. Throws 404, also for a version that it does not have. */
  get(name?: string, version?: string): Served {
    const found = name === undefined ? [...this.#models.values()][0] : this.#models.get(name);
    if (found && (version === undefined || version === found.config.version)) return found;
    const known = [...this.#models.values()]
      .map((one) => `${one.name} (version ${one.config.version})`)
      .join(", ");
    throw new Refusal(404, "unknown-model", `This server has no such model; it has ${known || "none yet"}.`);
  }

  /**
   * Follows a configuration: loads what is new, loads again what is there already (its files may have changed), and ends what
   * is named no more. What is under way is finished by the model that it began with. A model that does not load stays as it
   * was; the errors of all are thrown as one.
   */
  async follow(configs: readonly ModelConfig[]): Promise<void> {
    const gone = new Map(this.#models);
    const next = new Map<string, Served>();
    for (const config of configs) {
      const name = nameOf(config);
      next.set(name, gone.get(name) ?? new Served(config, this.open, this.listener));
      gone.delete(name);
    }
    this.#models = next;
    for (const model of gone.values()) {
      this.listener.log("model removed", { model: model.name });
      void model.close();
    }
    const done = await Promise.allSettled(configs.map((config) => next.get(nameOf(config))!.reload(config)));
    const errors = done.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
    if (errors.length === 0) return;
    const bug = errors.find((error) => !isConvzooError(error));
    throw bug ?? errors[0]!;
  }

  /** No more requests are to come: none waits for others. */
  hurry(): void {
    for (const model of this.#models.values()) model.hurry();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#models.values()].map((model) => model.close()));
  }

  kill(): void {
    for (const model of this.#models.values()) model.kill();
  }
}
