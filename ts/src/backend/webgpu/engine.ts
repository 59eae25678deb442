/** The core's side where a GPU computes: plans, and weights packed for it, by the build `webgpu`. Lives in a worker. */
import type * as webgpuGlue from "../../../../build/core/webgpu/core.js";
import { type Decoders, type Images, imagesBy } from "../image-calls.js";
import { instantiate } from "../instance.js";
import type { Args } from "../protocol.js";
import type { CallRequest, Served } from "../serve.js";
import type { GpuNetwork, Recording, Upload } from "./recording.js";

/** What the engine is built of. */
export interface GpuEngineParts {
  readonly glue: Pick<typeof webgpuGlue, "GpuCore" | "initSync" | "resize">;
  readonly decoders: Decoders;
}

export class GpuEngine implements Served {
  readonly #parts: GpuEngineParts;
  readonly #images: Images;
  #core: webgpuGlue.GpuCore | undefined;
  /** Other graphs over the network's weights, by number. */
  #views: webgpuGlue.GpuCore[] = [];

  constructor(parts: GpuEngineParts) {
    this.#parts = parts;
    this.#images = imagesBy(parts.glue.resize, parts.decoders);
  }

  perform(request: CallRequest): unknown {
    switch (request.call) {
      case "start":
        return void instantiate(this.#parts.glue, request.args.module);
      case "network":
        return this.#network(request.args);
      case "trials":
        return JSON.parse(this.#loaded().trials());
      case "load":
        return this.#load(request.args);
      case "view":
        return this.#views.push(this.#loaded().view(request.args.graph)) - 1;
      case "room":
        return this.#room(request.args);
      case "record":
        return this.#record(request.args);
      case "decode":
        return this.#images.decode(request.args);
      case "resize":
        return this.#images.resize(request.args);
      case "preprocess":
        return this.#images.preprocess(request.args);
      default:
        throw new Error(`the core that plans for a GPU does no ${request.call}`);
    }
  }

  free(): void {
    for (const view of this.#views) view.free();
    this.#views = [];
    this.#core?.free();
    this.#core = undefined;
  }

  #network({ graph, size: [rows, columns], winograd, limits, tuning }: Args<"network">): GpuNetwork {
    this.free();
    const { GpuCore } = this.#parts.glue;
    const known = tuning && JSON.stringify(tuning);
    const core = new GpuCore(graph, rows, columns, winograd, JSON.stringify(limits), known);
    this.#core = core;
    const constants: Upload[] = core.constants();
    return { shaders: JSON.parse(core.shaders()), buffers: [...core.buffers()], constants };
  }

  #load({ node, first, weight, bias }: Args<"load">): readonly Upload[] {
    return this.#loaded().load(node, first, weight, bias);
  }

  #room({ shape, outputs, view }: Args<"room">): number {
    const [n, c, h, w] = shape as [number, number, number, number];
    return this.#loaded(view).room(n, c, h, w, Uint32Array.from(outputs));
  }

  #record({ shape, outputs, view }: Args<"record">): Recording {
    const [n, c, h, w] = shape as [number, number, number, number];
    return JSON.parse(this.#loaded(view).record(n, c, h, w, Uint32Array.from(outputs)));
  }

  /** The network, or the view of a number. */
  #loaded(view?: number): webgpuGlue.GpuCore {
    const core = view === undefined ? this.#core : this.#views[view];
    if (!core) throw new Error("network comes first");
    return core;
  }
}
