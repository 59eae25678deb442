/** The cache of browsers and their workers: the Cache API. */
import { inMemory } from "../weights/bytes.js";
import { memoryDraft, sha256, type WeightCache } from "../weights/cache.js";

/** The cache's name at this origin. */
const NAME = "convzoo-weights";
/** Keys are URLs; nothing is ever asked of this one. */
const keyOf = (name: string) => `https://convzoo.invalid/${encodeURIComponent(name)}`;

/**
 * The cache of this origin, or undefined where pages may keep nothing (no secure context, private windows). A file for which
 * the browser has no room is used and not kept.
 */
export async function browserCache(caches: CacheStorage | undefined): Promise<WeightCache | undefined> {
  const cache = await caches?.open(NAME).catch(() => undefined);
  if (!cache) return undefined;
  return {
    async open(name) {
      const response = await cache.match(keyOf(name));
      if (!response) return undefined;
      const bytes = new Uint8Array(await response.arrayBuffer());
      return { bytes: inMemory(bytes, name), close: async () => {}, sha256: () => sha256(bytes, name) };
    },
    draft: async (name) =>
      memoryDraft(name, (bytes) =>
        cache.put(keyOf(name), new Response(bytes as Uint8Array<ArrayBuffer>)).catch(() => undefined),
      ),
    remove: async (name) => void (await cache.delete(keyOf(name))),
  };
}
