/** Registered checkpoints: downloaded once, checked by their hash, kept. */
import { ConvzooError } from "../errors.js";
import { type Draft, memoryDraft, type WeightCache } from "./cache.js";
import { type DownloadOptions, download } from "./download.js";
import { checkBase, type Opened } from "./source.js";

/** What a registry says of a file. */
export interface Registered {
  readonly url: string;
  /** Its SHA-256 in lowercase hexadecimal, or the beginning of that. */
  readonly sha256: string;
}

/** What this needs of a runtime. */
export interface RegistryPlatform {
  /** Absent, or gives undefined, where nothing is kept. */
  readonly cache?: () => Promise<WeightCache | undefined>;
  /** Where files come from instead of the places that the registry names: a URL; the names of the files are the same. */
  readonly weightsBase?: () => string | undefined;
}

/**
 * A registered file, from the cache if it is there. A file of another hash is not used and not kept, one in the cache is
 * replaced.
 *
 * @throws {ConvzooError} `wrong-hash`; what `download` throws, `bad-option` (a weightsBase that is no URL)
 */
export async function fetchRegistered(
  { url, sha256 }: Registered,
  platform: RegistryPlatform,
  options: DownloadOptions,
): Promise<Opened> {
  const name = url.slice(url.lastIndexOf("/") + 1);
  const cache = await platform.cache?.();
  const kept = await cache?.open(name);
  if (kept) {
    const hash = await kept.sha256().catch(async (error) => {
      await kept.close();
      throw error;
    });
    if (hash.startsWith(sha256)) return kept;
    await kept.close();
    await cache?.remove(name);
  }
  const from = mirrored(url, name, platform.weightsBase?.());
  const draft = (await cache?.draft(name)) ?? memoryDraft(name);
  try {
    await download(from, draft, options);
    await check(draft, from, sha256);
    return await draft.keep();
  } catch (error) {
    await draft.discard();
    throw error;
  }
}

/** The URL of a file below `base`, if there is one. */
function mirrored(url: string, name: string, base: string | undefined): string {
  return base ? `${checkBase(base).replace(/\/$/, "")}/${name}` : url;
}

async function check(draft: Draft, url: string, wanted: string): Promise<void> {
  const hash = await draft.sha256();
  if (hash.startsWith(wanted)) return;
  const message = `${url} is not the file that was registered: its SHA-256 is ${hash} and should begin with ${wanted}.`;
  const advice = "Try again; if this stays, something between here and the server changes files.";
  throw new ConvzooError("wrong-hash", `${message} ${advice}`, { source: url });
}
