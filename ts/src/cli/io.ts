/** All that the commands know of the process they run in. */
import type { Connected } from "../connect.js";
import type { FolderCache } from "../node/cache.js";

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
  /** The package's `load`; asked for only by commands that run a network, so that the others need no core. */
  readonly load: Connected["load"];
  readonly loadWeights: Connected["loadWeights"];
  /** Where downloads are kept. */
  cache(): Promise<FolderCache>;
}
