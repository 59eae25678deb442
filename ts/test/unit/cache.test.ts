/** Registered checkpoints: checked, kept, and never used where they are not what was registered. */
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { browserCache } from "../../src/browser/cache.js";
import { ConvzooError } from "../../src/errors.js";
import { cacheFolder, FolderCache } from "../../src/node/cache.js";
import { fetchRegistered, type RegistryPlatform } from "../../src/weights/registered.js";
import type { Opened } from "../../src/weights/source.js";
import { breakOff, serveFile, type TestServer, testServer } from "../server.js";

const file = new Uint8Array(randomBytes(300_000));
const sha256 = createHash("sha256").update(file).digest("hex").slice(0, 8);
const name = `net-${sha256}.pth`;
let server: TestServer;
let folder: string;
beforeEach(async () => {
  server = await testServer(serveFile(file));
  folder = mkdtempSync(join(tmpdir(), "convzoo-cache-"));
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The Cache API, as far as it is used, in memory. */
function webCaches(full = false) {
  const entries = new Map<string, Uint8Array>();
  const cache = {
    match: async (key: string) =>
      entries.has(key) ? new Response(entries.get(key) as Uint8Array<ArrayBuffer>) : undefined,
    put: async (key: string, response: Response) => {
      if (full) throw new DOMException("no room", "QuotaExceededError");
      entries.set(key, new Uint8Array(await response.arrayBuffer()));
    },
    delete: async (key: string) => entries.delete(key),
  };
  return { entries, caches: { open: async () => cache } as unknown as CacheStorage };
}

const inFolder = (): RegistryPlatform => ({ cache: async () => new FolderCache(folder) });
const get = (platform: RegistryPlatform, options = {}, hash = sha256) =>
  fetchRegistered({ url: `${server.base}/models/${name}`, sha256: hash }, platform, { pause: 1, ...options });

async function contentOf({ bytes, close }: Opened): Promise<Buffer> {
  const content = Buffer.from(await bytes.read(0, bytes.size));
  await close();
  return content;
}

async function errorOf(work: Promise<unknown>): Promise<ConvzooError> {
  const error: unknown = await work.then(
    () => new Error("was accepted"),
    (reason: unknown) => reason,
  );
  if (error instanceof ConvzooError) return error;
  throw error;
}

describe.each(["a folder", "the Cache API", "nothing"])("with %s", (kind) => {
  let platform: RegistryPlatform;
  let damage: () => void;
  beforeEach(() => {
    const web = webCaches();
    if (kind === "a folder") platform = inFolder();
    else if (kind === "nothing") platform = {};
    else platform = { cache: () => browserCache(web.caches) };
    damage = () => {
      for (const [key, bytes] of web.entries)
        web.entries.set(
          key,
          bytes.map((byte, i) => (i === 777 ? byte ^ 1 : byte)),
        );
      for (const one of readdirSync(folder)) {
        writeFileSync(
          join(folder, one),
          file.map((byte, i) => (i === 777 ? byte ^ 1 : byte)),
        );
      }
    };
  });

  test("is downloaded once, then used without a server", async () => {
    expect((await contentOf(await get(platform))).equals(file)).toBe(true);
    if (kind === "nothing") return;
    server.close();
    expect((await contentOf(await get(platform))).equals(file)).toBe(true);
    expect(server.ranges).toEqual([""]);
  });

  test("a damaged entry is downloaded again", async () => {
    await (await get(platform)).close();
    damage();
    expect((await contentOf(await get(platform))).equals(file)).toBe(true);
    expect(server.ranges).toHaveLength(2);
    const again = await get(platform);
    expect((await contentOf(again)).equals(file)).toBe(true);
    expect(server.ranges).toHaveLength(kind === "nothing" ? 3 : 2);
  });

  test("another file than was registered is not used and not kept", async () => {
    const error = await errorOf(get(platform, {}, "00000000"));
    expect(error).toMatchObject({ code: "wrong-hash", source: `${server.base}/models/${name}` });
    expect(error.message).toMatch(new RegExp(`${sha256}\\w{56} and should begin with 00000000`));
    expect(readdirSync(folder)).toEqual([]);
    await errorOf(get(platform, {}, "00000000"));
    expect(server.ranges).toHaveLength(2);
  });

  test("what broke off is gone on with, and the hash is of all of it", async () => {
    const whole = serveFile(file);
    server.answer = (request, response, nth) =>
      nth === 0 ? breakOff(response, file, 100_000) : whole(request, response, nth);
    expect((await contentOf(await get(platform))).equals(file)).toBe(true);
    expect(server.ranges).toEqual(["", "bytes=100000-"]);
  });

  test("a file that changes half-way is hashed from its start", async () => {
    const whole = serveFile(file, { etag: '"two"' });
    const old = new Uint8Array(randomBytes(file.length));
    server.answer = (request, response, nth) =>
      nth === 0 ? breakOff(response, old, 100_000) : whole(request, response, nth);
    expect((await contentOf(await get(platform))).equals(file)).toBe(true);
  });

  test("a page or an error leaves nothing behind", async () => {
    server.answer = (_, response) => response.end("<!doctype html>");
    expect((await errorOf(get(platform))).code).toBe("wrong-hash");
    server.answer = (_, response) => response.writeHead(404).end();
    expect((await errorOf(get(platform))).code).toBe("not-found");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("an aborted download leaves nothing behind", async () => {
    server.answer = (_, response) => breakOff(response, file, 100_000);
    const reason = new Error("enough");
    const controller = new AbortController();
    const onProgress = () => controller.abort(reason);
    await expect(get(platform, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a mirror has the same names", async () => {
    const asked: (string | undefined)[] = [];
    const whole = serveFile(file);
    server.answer = (request, response, nth) => {
      asked.push(request.url);
      whole(request, response, nth);
    };
    const mirrored = { ...platform, weightsBase: () => `${server.base}/mirror/` };
    const opened = await fetchRegistered(
      { url: `https://convzoo.invalid/models/${name}`, sha256 },
      mirrored,
      {},
    );
    expect((await contentOf(opened)).equals(file)).toBe(true);
    expect(asked).toEqual([`/mirror/${name}`]);
    if (kind === "nothing") return;
    // What a mirror gave is the same file.
    await (await get(platform)).close();
    expect(asked).toHaveLength(1);
  });
});

describe("a folder", () => {
  test("many at once: each has the whole file, one stays", async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => get(inFolder())));
    for (const opened of all) expect((await contentOf(opened)).equals(file)).toBe(true);
    expect(readdirSync(folder)).toEqual([name]);
  });

  test("who reads an entry goes on with it while another replaces it", async () => {
    const first = await get(inFolder());
    const draft = await new FolderCache(folder).draft(name);
    await draft.write(new Uint8Array(5));
    await (await draft.keep()).close();
    expect((await contentOf(first)).equals(file)).toBe(true);
  });

  test("an entry that was cut short, or is empty", async () => {
    for (const length of [0, 299_999]) {
      await (await get(inFolder())).close();
      truncateSync(join(folder, name), length);
      expect((await contentOf(await get(inFolder()))).equals(file)).toBe(true);
    }
  });

  test("drafts that others left are removed once they are old", async () => {
    const [old, fresh] = [join(folder, "x.pth.1.part"), join(folder, "x.pth.2.part")];
    for (const path of [old, fresh]) writeFileSync(path, "half of it");
    const hours = Date.now() / 1000 - 2 * 3600;
    utimesSync(old, hours, hours);
    await (await get(inFolder())).close();
    expect([existsSync(old), existsSync(fresh)]).toEqual([false, true]);
    expect(await new FolderCache(folder).list()).toEqual([{ name, bytes: file.length }]);
  });

  test("is made where it is not there, and says so where it cannot be", async () => {
    const below = join(folder, "a/b");
    await (await get({ cache: async () => new FolderCache(below) })).close();
    expect(readFileSync(join(below, name)).equals(file)).toBe(true);
    writeFileSync(join(folder, "taken"), "");
    const error = await errorOf(get({ cache: async () => new FolderCache(join(folder, "taken")) }));
    expect(error.code).toBe("fetch-failed");
    expect(error.message).toContain("Set CONVZOO_CACHE");
    expect(server.ranges).toHaveLength(1);
  });

  test.each([
    [{ CONVZOO_CACHE: "/c", XDG_CACHE_HOME: "/x" }, "/c"],
    [{ XDG_CACHE_HOME: "/x" }, "/x/convzoo"],
    [{ XDG_CACHE_HOME: "" }, "/h/.cache/convzoo"],
    [{ LOCALAPPDATA: "/l" }, "/l/convzoo"],
    [{}, "/h/.cache/convzoo"],
  ])("where it is: %j", (env, wanted) => {
    expect(cacheFolder(env, "/h")).toBe(wanted);
  });
});

describe("browsers", () => {
  test("where there is no room, the file is used and not kept", async () => {
    const { caches, entries } = webCaches(true);
    expect((await contentOf(await get({ cache: () => browserCache(caches) }))).equals(file)).toBe(true);
    expect(entries.size).toBe(0);
  });

  test("pages that may keep nothing have no cache", async () => {
    expect(await browserCache(undefined)).toBeUndefined();
    const refused = { open: () => Promise.reject(new DOMException("private", "SecurityError")) };
    expect(await browserCache(refused as unknown as CacheStorage)).toBeUndefined();
  });

  test("pages that cannot hash refuse what they cannot check", async () => {
    const { crypto } = globalThis;
    Object.defineProperty(globalThis, "crypto", { value: {}, configurable: true });
    try {
      expect(await errorOf(get({}))).toMatchObject({ code: "unsupported" });
    } finally {
      Object.defineProperty(globalThis, "crypto", { value: crypto, configurable: true });
    }
  });
});
