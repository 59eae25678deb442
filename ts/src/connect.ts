/** The public functions that need a runtime, made for one platform. */
import { type Capabilities, capabilities } from "./backend/flavour.js";
import { type Host, startHost } from "./backend/host.js";
import { coreModule, wasmModule } from "./backend/module.js";
import { ConvzooError } from "./errors.js";
import { type ImageSource, imageMessage, naming } from "./image/input.js";
import { type RawPixels, toPixels } from "./image/pixels.js";
import type { Filter, PreprocessOptions } from "./image/preprocess.js";
import type { Net } from "./layers.js";
import { type LoadOptions, load } from "./load.js";
import type { Model } from "./model.js";
import type { Platform, WasmSource } from "./platform.js";
import type { Pixels, Tensor } from "./tensor.js";
import type { LoadWeightsOptions, WeightSource, Weights } from "./weights/index.js";
import { checkBase } from "./weights/source.js";
import type { ZooName } from "./zoo/index.js";

/** Options of the image functions. */
export interface ImageOptions {
  readonly signal?: AbortSignal;
  /** The core's .wasm, where the runtime cannot read the package's own file. */
  readonly wasm?: WasmSource;
}

/** What `resize` is asked for. */
export interface ResizeOptions extends ImageOptions {
  readonly width: number;
  readonly height: number;
  /** Pillow's filters; bilinear by default. */
  readonly filter?: Filter;
}

/** What `init` sets, for all later calls. */
export interface InitOptions {
  /**
   * Where registered checkpoints are downloaded from, instead of where the zoo says: the http or https URL of a folder with
   * files of the same names, such as a mirror of your own. In Node, the variable CONVZOO_WEIGHTS_BASE does the same.
   */
  readonly weightsBase?: string;
}

/** See the entry files: these are the package's functions for their platform. */
export interface Connected {
  /** Sets what all later calls use; what is left out is as it was at first. Throws `bad-option`. */
  init(options?: InitOptions): void;
  /**
   * Loads a network, by name or as built, with its weights, into a worker of its own.
   *
   * Rejects with a ConvzooError: `unknown-model`, `unknown-weights`, `bad-option`, `not-found`, `fetch-failed`,
   * `unknown-format`, `bad-weights`, `missing-weight`, `extra-weight`, `weight-shape`, `wrong-hash`, `bad-wasm`,
   * `too-large`, `unsupported`; or with the signal's reason.
   */
  load(net: Net | ZooName, options?: LoadOptions): Promise<Model>;
  /** Reads a checkpoint; see {@link Weights}. */
  loadWeights(source: WeightSource, options?: LoadWeightsOptions): Promise<Weights>;
  /** RGB pixels of an image, Pillow's to the byte. Rejects with `bad-image`, `not-found`, `fetch-failed`. */
  decode(image: ImageSource, options?: ImageOptions): Promise<Pixels>;
  /** Pixels in another size, Pillow's to the byte. Rejects with `bad-image`, `bad-option`, `too-large`. */
  resize(pixels: RawPixels, options: ResizeOptions): Promise<Pixels>;
  /** An image as a network's input, [1, C, H, W]. Rejects as `decode` and `resize` do. */
  preprocess(image: ImageSource, options: PreprocessOptions & ImageOptions): Promise<Tensor>;
  /** What this runtime can do, and why not more. */
  capabilities(): Promise<Capabilities>;
}

/** How long the image functions' core waits for more work before it ends. */
const IDLE_MS = 2000;

/** The package's functions for a platform. */
export function connect(runtime: Platform): Connected {
  let set: InitOptions = {};
  const platform: Platform = {
    ...runtime,
    weightsBase: () => set.weightsBase ?? runtime.weightsBase?.(),
  };
  const images = imageHost(platform);
  const message = (image: ImageSource, signal?: AbortSignal) =>
    imageMessage(image, platform, (name) => wasmModule(platform, name), signal);
  return {
    init(options = {}) {
      const { weightsBase } = options;
      set = { weightsBase: weightsBase === undefined ? undefined : checkBase(weightsBase) };
    },
    load: (net, options) => load(platform, net, options),
    async loadWeights(source, options) {
      const { loadWeights } = await import("./weights/index.js");
      return loadWeights(source, { ...options, platform });
    },
    capabilities: () => capabilities(platform),
    async decode(image, { signal, wasm } = {}) {
      const { message: sent, source } = await message(image, signal);
      if ("pixels" in sent) return sent.pixels;
      return images(wasm, (host) => host.call("decode", { image: sent }, { signal })).catch(naming(source));
    },
    async resize(pixels, { width, height, filter = "bilinear", signal, wasm }) {
      const args = { pixels: toPixels(pixels), width, height, filter };
      return images(wasm, (host) => host.call("resize", args, { signal }));
    },
    async preprocess(image, { signal, wasm, ...options }) {
      const { message: sent, source } = await message(image, signal);
      return images(wasm, (host) => host.call("preprocess", { image: sent, options }, { signal })).catch(
        naming(source),
      );
    },
  };
}

/** A core for images that belong to no model: started when needed, ended when idle. */
function imageHost(platform: Platform) {
  let current: Promise<Host> | undefined;
  let users = 0;
  let idle: ReturnType<typeof setTimeout> | undefined;

  const start = async (wasm?: WasmSource) => {
    const wanted = { threads: 1, wasm, core: wasm === undefined ? ("simd128" as const) : undefined };
    const { module, shared } = await coreModule(platform, wanted);
    const channel = platform.spawn?.() ?? platform.inPlace?.();
    if (!channel) throw new ConvzooError("unsupported", "This runtime has no place for the core to run in.");
    return startHost(channel, { module, threads: 1, shared });
  };
  const end = (host: Host) => {
    host.dispose();
    current = undefined;
  };

  return async <T>(wasm: WasmSource | undefined, use: (host: Host) => Promise<T>): Promise<T> => {
    clearTimeout(idle);
    users++;
    try {
      current ??= start(wasm);
      const starting = current;
      const host = await starting.catch((error) => {
        if (current === starting) current = undefined;
        throw error;
      });
      try {
        return await use(host);
      } catch (error) {
        // A core that is lost is replaced with the next call.
        if (error instanceof ConvzooError && error.code === "poisoned" && current === starting)
          current = undefined;
        throw error;
      }
    } finally {
      if (--users === 0) {
        idle = setTimeout(() => current?.then(end, () => {}), IDLE_MS);
        (idle as { unref?: () => void }).unref?.();
      }
    }
  };
}
