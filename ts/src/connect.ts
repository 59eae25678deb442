/** The public functions that need a runtime, made for one platform. */
import { type Capabilities, capabilities } from "./backend/flavour.js";
import { type FindResizer, type ImageHost, imageHost, inCallersThread } from "./backend/images.js";
import { checkFolder, checkPlace, wasmModule } from "./backend/module.js";
import { ConvzooError } from "./errors.js";
import { type Decoding, decodingOf } from "./image/decoding.js";
import { type ImageSource, imageMessage, naming } from "./image/input.js";
import { checkPixels, type Mode, type RawPixels, toPixels } from "./image/pixels.js";
import type { Filter, PreprocessOptions } from "./image/preprocess.js";
import type { Crops } from "./image/views.js";
import type { Net } from "./layers.js";
import { type LoadOptions, load } from "./load.js";
import type { Model } from "./model.js";
import type { OnnxModel, OnnxOptions } from "./onnx/index.js";
import { type Decoders, type Platform, type WasmSource, wasmFileName } from "./platform.js";
import type { Pixels, Tensor } from "./tensor.js";
import type { LoadWeightsOptions, WeightSource, Weights } from "./weights/index.js";
import { checkBase } from "./weights/source.js";
import type { ZooName } from "./zoo/index.js";

/** Options of the image functions. */
export interface ImageOptions {
  readonly signal?: AbortSignal;
  /** The core's .wasm, where the runtime cannot read the package's own file. */
  readonly wasm?: WasmSource;
  /** The image decoders' modules, likewise. */
  readonly decoders?: Decoders;
}

/** What `decode` is asked for. */
export interface DecodeOptions extends ImageOptions, Decoding {}

/** What `resize` is asked for. */
export interface ResizeOptions extends ImageOptions {
  readonly width: number;
  readonly height: number;
  /** Pillow's filters; bilinear by default. Of tensors nearest, bilinear and bicubic. */
  readonly filter?: Filter;
  /** For tensors alone, whether a filter is widened when shrinking; true by default. Pillow always does. */
  readonly antialias?: boolean;
}

/** What `init` sets, for all later calls. */
export interface InitOptions {
  /**
   * Where the package's .wasm files are, instead of beside its JavaScript: the URL of a folder (relative to the page in browsers;
   * in Node a path will do) that holds them under the names they have in the package's `wasm` folder. Another origin must
   * allow the page's (CORS). Edge workers can take a .wasm only by the functions' own `wasm` and `decoders`, which go before it.
   */
  readonly wasm?: string | URL;
  /**
   * In browsers, the URL of a copy of the package's worker.js, or of a module that imports it, on the page's own origin
   * (relative to the page). Where the package comes from another origin, such as a CDN, browsers start its workers from no
   * other place, and models run in the caller's thread, which they then block.
   */
  readonly worker?: string | URL;
  /**
   * Where registered checkpoints are downloaded from, instead of where the zoo says: the http or https URL of a folder with
   * files of the same names, such as a mirror of your own. In Node, the variable CONVZOO_WEIGHTS_BASE does the same.
   */
  readonly weightsBase?: string;
}

/** How `preprocess` makes an input of an image. */
export interface PreprocessImageOptions extends PreprocessOptions, ImageOptions {
  /** Which parts of the image; the tensor has an image for each. The centre unless given. */
  readonly crops?: Crops;
  /** As in `decode`. */
  readonly maxPixels?: number;
}

/** The functions on images that belong to no model. */
export interface ImageFunctions {
  /**
   * RGB pixels of an image, or what `mode` asks for: Pillow's to the byte, of JPEG, PNG, WebP, GIF and BMP files, of an animation
   * the first frame. Rejects with `bad-image`, `bad-option`, `not-found`, `fetch-failed`, `too-large`, `unsupported`.
   */
  decode(image: ImageSource, options?: DecodeOptions): Promise<Pixels>;
  /**
   * Pixels in another size, gray, RGB or RGBA as they were: Pillow's to the byte. Rejects with `bad-image`, `bad-option`,
   * `too-large`.
   */
  resize(pixels: RawPixels, options: ResizeOptions): Promise<Pixels>;
  /** A tensor [..., H, W] in another size, as torchvision resizes tensors. Rejects with `bad-shape`, too. */
  resize(tensor: Tensor, options: ResizeOptions): Promise<Tensor>;
  /** An image as a network's input, [N, C, H, W], N being 1 or the number of `crops`. Rejects as `decode` and `resize` do. */
  preprocess(image: ImageSource, options: PreprocessImageOptions): Promise<Tensor>;
}

/** The image functions in a worker of their own, which {@link Connected.imageWorker} gives. */
export interface ImageWorker extends ImageFunctions {
  /** Ends the worker, whatever it is doing: what is under way rejects with `disposed`. The next call starts another. */
  dispose(): void;
}

/** See the entry files: these are the package's functions for their platform. */
export interface Connected extends ImageFunctions {
  /** Sets what all later calls use; what is left out is as it was at first. Throws `bad-option`. */
  init(options?: InitOptions): void;
  /**
   * Loads a network, by name or as built, with its weights, into a worker of its own.
   *
   * Rejects with a ConvzooError: `unknown-model`, `unknown-weights`, `bad-option`, `not-found`, `fetch-failed`,
   * `unknown-format`, `bad-weights`, `unsafe-pickle`, `missing-weight`, `extra-weight`, `weight-shape`, `wrong-hash`,
   * `bad-wasm`,
   * `too-large`, `unsupported`; or with the signal's reason.
   */
  load(net: Net | ZooName, options?: LoadOptions): Promise<Model>;
  /** Reads a checkpoint; see {@link Weights}. */
  loadWeights(source: WeightSource, options?: LoadWeightsOptions): Promise<Weights>;
  /**
   * The network in an ONNX file, and its weights: `const { net, weights } = await fromOnnx("model.onnx")`, then
   * `load(net, { weights })`. See {@link OnnxOptions}.
   *
   * Feed-forward networks with one image as their input, of opsets 7 to 21. Rejects with a ConvzooError: `unsupported`
   * for an operator that no layer here is (`node` is the node's name), `bad-weights` for a damaged file, `bad-net`,
   * `bad-shape`, `bad-option`, `too-large`, `not-found`, `fetch-failed`.
   */
  fromOnnx(source: WeightSource, options?: OnnxOptions): Promise<OnnxModel>;
  /**
   * The image functions in a worker that is the caller's alone. A decoder cannot be interrupted, so this is how a server puts an
   * end to a hostile image. It starts with its first call, and ends by itself when it has had nothing to do for two seconds.
   */
  imageWorker(): ImageWorker;
  /** What this runtime can do, and why not more. */
  capabilities(): Promise<Capabilities>;
}

/** For the native decoder, which needs none. */
const noCodec = async () => undefined;

function isTensor(image: RawPixels | Tensor): image is Tensor {
  return typeof image === "object" && image !== null && "shape" in image;
}

/** The package's functions for a platform. */
export function connect(runtime: Platform): Connected {
  let set: InitOptions = {};
  const platform: Platform = {
    ...runtime,
    wasm: (name) => (set.wasm === undefined ? runtime.wasm?.(name) : `${set.wasm}${wasmFileName(name)}`),
    spawn: runtime.spawn && (() => runtime.spawn!(set.worker)),
    noWorkers: () => runtime.noWorkers?.(set.worker),
    weightsBase: () => set.weightsBase ?? runtime.weightsBase?.(),
  };
  const shared = imageHost(platform);
  return {
    init(options = {}) {
      const { wasm, worker, weightsBase } = options;
      set = {
        wasm: wasm === undefined ? undefined : checkFolder(wasm),
        worker: worker === undefined ? undefined : checkPlace("worker", worker, "of a copy of worker.js"),
        weightsBase: weightsBase === undefined ? undefined : checkBase(weightsBase),
      };
    },
    load: (net, options) => load(platform, net, options),
    async loadWeights(source, options) {
      const { loadWeights } = await import("./weights/index.js");
      return loadWeights(source, { ...options, platform });
    },
    fromOnnx: async (source, options) =>
      (await import("./onnx/index.js")).fromOnnx(platform, source, options),
    capabilities: () => capabilities(platform),
    ...imageFunctions(platform, shared, inCallersThread(platform)),
    imageWorker() {
      const own = imageHost(platform);
      // Who asks for a worker wants the caller's thread free.
      return { ...imageFunctions(platform, own, async () => undefined), dispose: own.end };
    },
  };
}

/** The image functions on the core that `images` lends; `here` finds what resizes an image without it. */
function imageFunctions(platform: Platform, images: ImageHost, here: FindResizer): ImageFunctions {
  const message = (image: ImageSource, { signal, decoders }: ImageOptions, mode?: Mode) =>
    imageMessage(image, platform, (name) => wasmModule(platform, name, decoders?.[name]), signal, mode);
  return {
    async decode(image, { signal, wasm, decoders, ...options } = {}) {
      const wanted = decodingOf(options);
      if (wanted.decoder === "native") {
        if (!platform.decodeNatively) {
          const advice = "Only browsers have a decoder of their own; leave decoder out.";
          throw new ConvzooError("unsupported", advice);
        }
        const { message: own, source } = await imageMessage(image, platform, noCodec, signal, wanted.mode);
        if ("pixels" in own) return own.pixels;
        const pixels = await platform.decodeNatively(own.bytes, wanted).catch(naming(source));
        return toPixels(pixels, wanted.mode, wanted.maxPixels);
      }
      const { message: sent, source } = await message(image, { signal, decoders }, wanted.mode);
      if ("pixels" in sent) return sent.pixels;
      const args = { image: sent, wanted };
      return images.use(wasm, (host) => host.call("decode", args, { signal })).catch(naming(source));
    },
    // An arrow function of both, as an object's method cannot be overloaded.
    resize: (async (image: RawPixels | Tensor, options: ResizeOptions) => {
      const { width, height, filter = "bilinear", antialias, signal, wasm } = options;
      if (isTensor(image)) {
        const { interpolate } = await import("./image/interpolate.js");
        return interpolate(image, { width, height, filter, antialias: antialias ?? true });
      }
      if (antialias !== undefined) {
        const message = "resize: antialias is for tensors; pixels are resized as Pillow does, antialiased.";
        throw new ConvzooError("bad-option", message);
      }
      const pixels = checkPixels(image);
      const target = { width, height, filter };
      const resizer = wasm === undefined ? await here(pixels, target) : undefined;
      signal?.throwIfAborted();
      const small = await resizer?.(pixels, target);
      return small ?? images.resize(wasm, pixels, target, signal);
    }) as ImageFunctions["resize"],
    async preprocess(image, { signal, wasm, decoders, crops, maxPixels, ...options }) {
      const { message: sent, source } = await message(image, { signal, decoders });
      (await import("./image/checks.js")).checkPreprocess(options);
      const views = crops === undefined ? undefined : (await import("./image/views.js")).viewsOf(crops);
      const wanted = maxPixels === undefined ? undefined : decodingOf({ maxPixels });
      const args = { image: sent, options, views, wanted };
      return images.use(wasm, (host) => host.call("preprocess", args, { signal })).catch(naming(source));
    },
  };
}
