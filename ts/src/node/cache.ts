/** The cache of Node, Deno and Bun: a directory. */
import { createHash, type Hash, randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { ConvzooError } from "../errors.js";
import type { Draft, Kept, WeightCache } from "../weights/cache.js";
import type { Opened } from "../weights/source.js";
import { openFile } from "./open.js";

type Env = Readonly<Record<string, string | undefined>>;

/** A draft that nobody has written to for so long belongs to a process that is gone. */
const STALE_MS = 60 * 60 * 1000;
const DRAFT = ".part";
/** Bytes that are hashed at a time. */
const PIECE = 1 << 22;

/** Where files are kept: CONVZOO_CACHE, or `convzoo` in the directory that this system has for caches. */
export function cacheFolder(env: Env, home = homedir()): string {
  if (env.CONVZOO_CACHE) return env.CONVZOO_CACHE;
  return join(env.XDG_CACHE_HOME || env.LOCALAPPDATA || join(home, ".cache"), "convzoo");
}

/** A file of the cache as `convzoo cache` lists it. */
export interface CacheEntry {
  readonly name: string;
  readonly bytes: number;
}

/** The cache in a directory, which need not be there yet. */
export class FolderCache implements WeightCache {
  constructor(readonly folder: string) {}

  async open(name: string): Promise<Kept | undefined> {
    const path = join(this.folder, name);
    try {
      const { size, read, close } = await openFile(path);
      const bytes = { name: path, size, fresh: true, read };
      return { bytes, close, sha256: () => hashOf(bytes) };
    } catch (cause) {
      if (codeOf(cause) === "ENOENT") return undefined;
      throw this.#failed("read", cause);
    }
  }

  async draft(name: string): Promise<Draft> {
    const path = join(this.folder, `${name}.${randomUUID()}${DRAFT}`);
    try {
      await mkdir(this.folder, { recursive: true });
      await this.#sweep();
      return new FileDraft(path, join(this.folder, name), await open(path, "wx"), (cause) =>
        this.#failed("written", cause),
      );
    } catch (cause) {
      throw this.#failed("written", cause);
    }
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.folder, name), { force: true }).catch((cause) => {
      throw this.#failed("written", cause);
    });
  }

  /** What is kept, by name. */
  async list(): Promise<CacheEntry[]> {
    const entries: CacheEntry[] = [];
    for (const name of await this.#names()) {
      const found = name.endsWith(DRAFT)
        ? undefined
        : await stat(join(this.folder, name)).catch(() => undefined);
      if (found?.isFile()) entries.push({ name, bytes: found.size });
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Removes the drafts of processes that ended before theirs was done. */
  async #sweep(): Promise<void> {
    for (const name of await this.#names()) {
      const path = join(this.folder, name);
      if (!name.endsWith(DRAFT)) continue;
      // Another process may be quicker.
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
      if (Date.now() - mtimeMs > STALE_MS) await rm(path, { force: true });
    }
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.folder);
    } catch (cause) {
      if (codeOf(cause) === "ENOENT") return [];
      throw this.#failed("read", cause);
    }
  }

  #failed(what: "read" | "written", cause: unknown): ConvzooError {
    const message = `The cache ${this.folder} cannot be ${what}: ${(cause as Error).message}. Set CONVZOO_CACHE to another folder.`;
    return new ConvzooError("fetch-failed", message, { source: this.folder, cause });
  }
}

/** A file beside the one that it becomes, so that the last step is one rename, which others see wholly or not at all. */
class FileDraft implements Draft {
  size = 0;
  #hash: Hash = createHash("sha256");

  constructor(
    private readonly path: string,
    private readonly target: string,
    private readonly file: FileHandle,
    private readonly failed: (cause: unknown) => ConvzooError,
  ) {}

  async begin(): Promise<void> {
    await this.#guarded(() => this.file.truncate(0));
    this.size = 0;
    this.#hash = createHash("sha256");
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await this.#guarded(() =>
        this.file.write(chunk, done, chunk.length - done, this.size + done),
      );
      done += bytesWritten;
    }
    this.#hash.update(chunk);
    this.size += chunk.length;
  }

  async sha256(): Promise<string> {
    return this.#hash.copy().digest("hex");
  }

  async keep(): Promise<Opened> {
    await this.#guarded(() => this.file.sync());
    await this.file.close();
    await this.#guarded(() => rename(this.path, this.target));
    const { size, read, close } = await this.#guarded(() => openFile(this.target));
    return { bytes: { name: this.target, size, fresh: true, read }, close };
  }

  async discard(): Promise<void> {
    await this.file.close().catch(() => undefined);
    await rm(this.path, { force: true }).catch(() => undefined);
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw this.failed(cause);
    }
  }
}

async function hashOf({ size, read }: Kept["bytes"]): Promise<string> {
  const hash = createHash("sha256");
  let next = read(0, Math.min(PIECE, size));
  for (let begin = 0; begin < size; begin += PIECE) {
    const piece = await next;
    const after = begin + PIECE;
    // The next piece is read while this one is hashed.
    if (after < size) next = read(after, Math.min(after + PIECE, size));
    hash.update(piece);
  }
  return hash.digest("hex");
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
