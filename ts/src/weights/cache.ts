/** Where downloaded checkpoints are kept from one run to the next. The platform supplies it. */
import { ConvzooError } from "../errors.js";
import { inMemory } from "./bytes.js";
import type { Target } from "./download.js";
import type { Opened } from "./source.js";
import { Sink } from "./stream.js";

export interface WeightCache {
  /** The file that is kept under this name, or undefined. */
  open(name: string): Promise<Kept | undefined>;
  /** A file to be, of which nobody else sees anything before it is kept. */
  draft(name: string): Promise<Draft>;
  remove(name: string): Promise<void>;
}

/** A file of the cache. */
export interface Kept extends Opened {
  /** SHA-256 of all its bytes, in lowercase hexadecimal. */
  sha256(): Promise<string>;
}

/** A file that is being written. */
export interface Draft extends Target {
  /** SHA-256 of what was written. */
  sha256(): Promise<string>;
  /** Puts it in the cache. */
  keep(): Promise<Opened>;
  /** Forgets it. */
  discard(): Promise<void>;
}

/** A draft in memory; `put` keeps its bytes somewhere, if anything does. */
export function memoryDraft(name: string, put?: (bytes: Uint8Array) => Promise<void>): Draft {
  let sink = new Sink(0, name);
  let whole: Uint8Array | undefined;
  const bytes = () => (whole ??= sink.finish());
  return {
    get size() {
      return sink.loaded;
    },
    begin(total) {
      sink = new Sink(total, name);
      whole = undefined;
    },
    write: (chunk) => sink.add(chunk),
    sha256: () => sha256(bytes(), name),
    async keep() {
      await put?.(bytes());
      return { bytes: inMemory(bytes(), name), close: async () => {} };
    },
    discard: async () => {},
  };
}

/** SHA-256 in lowercase hexadecimal. Throws `unsupported` in pages that are no secure context, which have no hashes. */
export async function sha256(bytes: Uint8Array, name: string): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) {
    const message = `${name} cannot be checked here: only pages served over https (or from localhost) can compute hashes.`;
    throw new ConvzooError("unsupported", `${message} Serve the page so, or pass the weights by URL.`, {
      source: name,
    });
  }
  const digest = await subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
