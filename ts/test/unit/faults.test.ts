/** Disks that are full or may not be written to, and clocks that go backwards. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { writeWhole } from "../../src/cli/whole.js";
import { FolderCache } from "../../src/node/cache.js";
import { downloadToMemory } from "../../src/weights/download.js";
import { noDisk, onDisk } from "../disk.js";
import { fakeServer } from "../serve.js";
import { breakOff, serveFile, type TestServer, testServer } from "../server.js";

const child = fileURLToPath(new URL("../cache-child.ts", import.meta.url));
let folder: string;
let server: TestServer;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "convzoo-faults-"));
  // As many zeros as the path says.
  server = await testServer((request, response) =>
    response.end(Buffer.alloc(Number.parseInt(request.url!.slice(1), 10))),
  );
});
afterEach(() => {
  vi.useRealTimers();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What the child says of each file, with the cache on a disk of so many KiB, and the shell's commands between. */
async function onCache(kib: number, script: string) {
  const node = `"$2" --import tsx "$3" "$0" "$1"`;
  const { status, stdout, stderr } = await onDisk(folder, kib, script.replaceAll("ask", node), [
    server.base,
    process.execPath,
    child,
  ]);
  expect([status, stderr]).toEqual([0, ""]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { length?: number; code?: string; message?: string; files: string[] });
}

describe.skipIf(noDisk)(`a cache${noDisk ? `: ${noDisk}` : ""}`, { timeout: 60_000 }, () => {
  test("on a full disk says so, leaves nothing, and takes what fits", async () => {
    const [large, small, again] = await onCache(256, "ask 1000000 30000 30000");
    expect(large).toMatchObject({ code: "fetch-failed", files: [] });
    expect(large!.message).toMatch(/no space left.*Set CONVZOO_CACHE to another folder/);
    expect(small).toEqual({ length: 30_000, files: ["30000.pth"] });
    expect(again).toEqual(small);
    expect(server.ranges).toHaveLength(2);
  });

  test("that can only be read is used, and says so where it would have to be written", async () => {
    const [first, kept, other] = await onCache(
      1024,
      `ask 30000; mount -o remount,ro "$0"; ask 30000 50000; ! touch "$0/x" 2> /dev/null`,
    );
    expect(first).toEqual({ length: 30_000, files: ["30000.pth"] });
    expect(kept).toEqual(first);
    expect(other).toMatchObject({ code: "fetch-failed", files: ["30000.pth"] });
    expect(other!.message).toMatch(/read-only.*Set CONVZOO_CACHE to another folder/);
    expect(server.ranges).toHaveLength(1);
  });
});

describe("a file that is written as a whole", () => {
  const path = () => join(folder, "a.txt");

  test("is there, in place of what was", async () => {
    writeFileSync(path(), "before");
    await writeWhole(path(), async (write) => {
      await write("one, ");
      await write(new TextEncoder().encode("two"));
    });
    expect(readFileSync(path(), "utf8")).toBe("one, two");
    expect(readdirSync(folder)).toEqual(["a.txt"]);
  });

  test("is as it was where writing fails", async () => {
    writeFileSync(path(), "before");
    const failing = writeWhole(path(), async (write) => {
      await write("half of it");
      throw new Error("enough");
    });
    await expect(failing).rejects.toThrow("enough");
    expect(readFileSync(path(), "utf8")).toBe("before");
    expect(readdirSync(folder)).toEqual(["a.txt"]);
  });

  test("is no file, and gets it all the same", async () => {
    await writeWhole("/dev/null", (write) => write("gone"));
    expect(readdirSync("/dev").filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});

describe("a clock that goes backwards", () => {
  /** An hour back at each look. */
  function backwards(): void {
    vi.useFakeTimers({ toFake: ["Date"] });
    const look = Date.now;
    vi.spyOn(Date, "now").mockImplementation(() => {
      vi.setSystemTime(look() - 3_600_000);
      return look();
    });
  }
  afterEach(() => vi.restoreAllMocks());

  test("does not keep a download from its retries", async () => {
    const file = Buffer.alloc(50_000, 7);
    const whole = serveFile(file);
    server.answer = (request, response, nth) => {
      vi.setSystemTime(Date.now() - 3_600_000);
      if (nth === 1) response.writeHead(503, { "retry-after": "0" }).end();
      else if (nth < 3) breakOff(response, file, 10_000 * (nth + 1));
      else whole(request, response, nth);
    };
    backwards();
    const start = performance.now();
    const got = await downloadToMemory(`${server.base}/x`, { pause: 10 });
    expect(Buffer.from(got).equals(file)).toBe(true);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test("does not give a request more time, or less", async () => {
    const { models, post } = await fakeServer(
      "limits: { seconds: 0.3 }\nmodels: [{ model: lenet5, name: digits }]",
    );
    backwards();
    expect((await post("/classify", Uint8Array.of(1, 7))).status).toBe(200);
    models[0]!.gate = new Promise(() => {});
    const start = performance.now();
    const answer = await post("/classify", Uint8Array.of(1, 7));
    const ms = performance.now() - start;
    expect([answer.status, ms > 250, ms < 3000]).toEqual([504, true, true]);
  });

  test("does not make another's draft an old one", async () => {
    const cache = new FolderCache(folder);
    const draft = await cache.draft("a.pth");
    backwards();
    const other = await cache.draft("b.pth");
    await draft.write(Uint8Array.of(1, 2, 3));
    await (await draft.keep()).close();
    await other.discard();
    expect(readdirSync(folder)).toEqual(["a.pth"]);
  });
});
