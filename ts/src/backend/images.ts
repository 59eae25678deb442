/** Where the image functions work that belong to no model. */
import { ConvzooError } from "../errors.js";
import type { ResizeTarget } from "../image/preprocess.js";
import type { Platform, WasmSource } from "../platform.js";
import type { Pixels } from "../tensor.js";
import { type Host, startHost } from "./host.js";
import { coreModule } from "./module.js";
import { hasWorkers, placesFor } from "./place.js";

/** How long the image functions' core waits for more work before it ends. */
const IDLE_MS = 2000;

/** A core for images that belong to no model: started when needed, ended when idle or told to. */
export function imageHost(platform: Platform) {
  let current: Promise<Host> | undefined;
  let users = 0;
  let idle: ReturnType<typeof setTimeout> | undefined;
  /** The last resize's pixels: a buffer that goes to and fro has no fresh pages, which are what large messages cost. */
  let spare = new Uint8Array();

  const start = async (wasm?: WasmSource) => {
    const wanted = { threads: 1, wasm, core: wasm === undefined ? ("simd128" as const) : undefined };
    const build = await coreModule(platform, wanted);
    return startHost(await placesFor(platform, 1), { ...build, threads: 1 });
  };
  const end = () => {
    const ending = current;
    current = undefined;
    spare = new Uint8Array();
    ending?.then(
      (host) => host.dispose(),
      () => {},
    );
  };

  const use = async <T>(wasm: WasmSource | undefined, of: (host: Host) => Promise<T>): Promise<T> => {
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
        return await of(host);
      } catch (error) {
        // A core that is lost is replaced with the next call.
        if (error instanceof ConvzooError && error.code === "poisoned" && current === starting)
          current = undefined;
        throw error;
      }
    } finally {
      if (--users === 0) {
        idle = setTimeout(end, IDLE_MS);
        (idle as { unref?: () => void }).unref?.();
      }
    }
  };
  return {
    use,
    end,
    async resize(
      wasm: WasmSource | undefined,
      pixels: Pixels,
      target: ResizeTarget,
      signal?: AbortSignal,
    ): Promise<Pixels> {
      const { length } = pixels.data;
      const data = spare.length === length ? spare : new Uint8Array(length);
      spare = new Uint8Array();
      data.set(pixels.data);
      const args = { pixels: { ...pixels, data }, ...target };
      const transfer = [data.buffer];
      const [given, made] = await use(wasm, (host) => host.call("resize", args, { signal, transfer }));
      spare = given.data as Uint8Array<ArrayBuffer>;
      return made;
    },
  };
}

export type ImageHost = ReturnType<typeof imageHost>;

/** Bytes, before and after, of an image that is resized in the caller's thread: some milliseconds at most. */
const SMALL = 2 ** 20;

type Resizer = (pixels: Pixels, target: ResizeTarget) => Promise<Pixels | undefined>;
export type FindResizer = (pixels: Pixels, target: ResizeTarget) => Promise<Resizer | undefined>;

/**
 * Resizes what is small where it is, since the way to a worker and back takes as long as that does; gives undefined for what
 * goes there, as it all does once a core failed here.
 */
export function inCallersThread(platform: Platform): FindResizer {
  let starting: Promise<Resizer> | undefined;
  const start = async () => {
    const [{ resizer }, { module }] = await Promise.all([
      import("./here.js"),
      coreModule(platform, { threads: 1, core: "simd128" }),
    ]);
    return resizer(module);
  };
  return async (pixels, { width, height }) => {
    const bytes = pixels.data.length * (1 + (width * height) / (pixels.width * pixels.height));
    if (!hasWorkers(platform) || !(bytes <= SMALL)) return undefined;
    starting ??= start();
    const started = starting;
    return started.catch((error) => {
      if (starting === started) starting = undefined;
      throw error;
    });
  };
}
