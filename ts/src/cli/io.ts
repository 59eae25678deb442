/** All that the commands know of the process they run in. */
import type { Connected, ImageWorker, ResizeOptions } from "../connect.js";
import type { RawPixels } from "../image/pixels.js";
import type { FolderCache } from "../node/cache.js";
import type { Pixels } from "../tensor.js";

/** A stream as Node's `process.stdout` is one. */
export interface Output {
  write(text: string): unknown;
  /** Whether a person reads it on a terminal. */
  readonly isTTY?: boolean;
}

/** What `main` is given: the process's own, or a test's. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes a file, over what is there. Throws `bad-option` where that cannot be. */
  writeFile(path: string, content: string | Uint8Array): Promise<void>;
  /** The package's version. */
  readonly version: string;
  /** All that comes through standard input. Throws `bad-option` where it is a terminal. */
  stdin(): Promise<Uint8Array<ArrayBuffer>>;
  /** Aborts when the user presses Ctrl-C, which then ends the process no more, but the next time. */
  interrupted(): AbortSignal;
  /** Calls `then` each time that the process gets one of these signals. */
  onSignal(signals: readonly NodeJS.Signals[], then: () => void): void;
  /** The package's functions; asked for only by commands that run a network, so that the others need no core. */
  readonly load: Connected["load"];
  readonly preprocess: Connected["preprocess"];
  /** The package's `decode` and `resize`. */
  readonly decode: Connected["decode"];
  resize(pixels: RawPixels, options: ResizeOptions): Promise<Pixels>;
  readonly loadWeights: Connected["loadWeights"];
  readonly fromOnnx: Connected["fromOnnx"];
  imageWorker(): Promise<ImageWorker>;
  /** Where downloads are kept. */
  cache(): Promise<FolderCache>;
}
