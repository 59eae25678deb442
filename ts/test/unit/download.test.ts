/** Downloads from a server that does all that servers and networks do wrong. */
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { type DownloadOptions, downloadToMemory } from "../../src/weights/download.js";
import { loadWeights } from "../../src/weights/index.js";
import { type Answer, breakOff, serveFile, type TestServer, testServer } from "../server.js";

const file = new Uint8Array(randomBytes(100_000));
let server: TestServer;
beforeEach(async () => {
  server = await testServer();
});
afterEach(() => server.close());

const get = (options: DownloadOptions = {}, path = "/file") =>
  downloadToMemory(`${server.base}${path}`, { pause: 1, ...options });

const same = (bytes: Uint8Array) => Buffer.from(bytes).equals(file);

async function errorOf(work: Promise<unknown>): Promise<ConvzooError> {
  const error: unknown = await work.then(
    () => new Error("was accepted"),
    (reason: unknown) => reason,
  );
  if (error instanceof ConvzooError) return error;
  throw error;
}

/** The first answers in order, then `rest` for good. */
const inTurn =
  (answers: Answer[], rest: Answer): Answer =>
  (request, response, nth) =>
    (answers[nth] ?? rest)(request, response, nth);

const broken: Answer = (_, response) => breakOff(response, file, 40_000);
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    response.writeHead(code, headers).end();

describe("what broke off", () => {
  test("is gone on with", async () => {
    server.answer = inTurn([broken], serveFile(file));
    const progress: number[] = [];
    expect(same(await get({ onProgress: ({ loaded }) => progress.push(loaded) }))).toBe(true);
    expect(server.ranges).toEqual(["", "bytes=40000-"]);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(file.length);
  });

  test("many times, as long as each brings something", async () => {
    const part: Answer = (request, response) => {
      const from = Number(/\d+/.exec(request.headers.range ?? "0")![0]);
      const headers = { etag: '"one"', "content-range": `bytes ${from}-99999/100000` };
      response.writeHead(from > 0 ? 206 : 200, { ...headers, "content-length": 100_000 - from });
      if (from + 9000 >= 100_000) response.end(file.subarray(from));
      else response.write(file.subarray(from, from + 9000), () => setTimeout(() => response.destroy(), 5));
    };
    server.answer = part;
    expect(same(await get())).toBe(true);
    expect(server.ranges.length).toBe(12);
  });

  test("starts anew where the server has no tag and no date for it", async () => {
    server.answer = inTurn([(_, response) => breakOff(response, file, 40_000, {})], serveFile(file));
    expect(same(await get())).toBe(true);
    expect(server.ranges).toEqual(["", ""]);
  });

  test("is gone on with where there is only a date", async () => {
    const date = { "last-modified": "Mon, 23 Nov 2026 01:00:00 GMT" };
    server.answer = inTurn([(_, response) => breakOff(response, file, 40_000, date)], (_, response) => {
      const range = { "content-range": "bytes 40000-99999/100000" };
      response.writeHead(206, { ...date, ...range }).end(file.subarray(40_000));
    });
    expect(same(await get())).toBe(true);
    expect(server.ranges).toEqual(["", "bytes=40000-"]);
  });

  test("a weak tag is no promise of the same bytes", async () => {
    const weak = { etag: 'W/"one"' };
    server.answer = inTurn([(_, response) => breakOff(response, file, 40_000, weak)], serveFile(file));
    expect(same(await get())).toBe(true);
    expect(server.ranges).toEqual(["", ""]);
  });

  test("a server that ignores Range sends all of it again", async () => {
    const whole: Answer = (_, response) => response.writeHead(200, { etag: '"one"' }).end(file);
    server.answer = inTurn([broken], whole);
    expect(same(await get())).toBe(true);
  });

  test("a file that changed is read from its start", async () => {
    const old = new Uint8Array(randomBytes(file.length));
    server.answer = inTurn(
      [(_, response) => breakOff(response, old, 40_000)],
      serveFile(file, { etag: '"two"' }),
    );
    expect(same(await get())).toBe(true);
    expect(server.ranges).toEqual(["", "bytes=40000-"]);
  });

  test.each<[string, number, Record<string, string>]>([
    ["a part of another file", 206, { etag: '"two"', "content-range": "bytes 40000-99999/100000" }],
    ["a part of a longer file", 206, { etag: '"one"', "content-range": "bytes 40000-99999/200000" }],
    ["another part", 206, { etag: '"one"', "content-range": "bytes 0-99999/100000" }],
    ["a part that does not say which", 206, { etag: '"one"' }],
    ["no such part", 416, {}],
  ])("%s is not taken: all is read anew", async (_, code, headers) => {
    const wrong: Answer = (_, response) => response.writeHead(code, headers).end(file.subarray(40_000));
    server.answer = inTurn([broken, wrong], serveFile(file));
    expect(same(await get())).toBe(true);
    expect(server.ranges).toEqual(["", "bytes=40000-", ""]);
  });

  test("a part that nobody asked for", async () => {
    server.answer = status(206, { "content-range": "bytes 0-9/100" });
    expect((await errorOf(get())).message).toContain("mistook which part");
  });

  test("a compressed body has no parts", async () => {
    const zipped = gzipSync(file);
    const headers = { etag: '"one"', "content-encoding": "gzip" };
    server.answer = inTurn([(_, response) => breakOff(response, zipped, 40_000, headers)], (_, response) =>
      response.writeHead(200, headers).end(zipped),
    );
    expect(same(await get())).toBe(true);
    expect(server.ranges).toEqual(["", ""]);
  });
});

describe("what may pass", () => {
  test.each([408, 429, 500, 502, 503, 504])("%d is tried again", async (code) => {
    server.answer = inTurn([status(code), status(code)], serveFile(file));
    expect(same(await get())).toBe(true);
  });

  test("a reset before any answer is tried again", async () => {
    server.answer = inTurn([(request) => request.socket.destroy()], serveFile(file));
    expect(same(await get())).toBe(true);
  });

  test("silence is, and what came before it stays", async () => {
    const stalled: Answer = (_, response) => {
      response.writeHead(200, { etag: '"one"', "content-length": file.length });
      response.write(file.subarray(0, 40_000));
    };
    server.answer = inTurn([() => undefined, stalled], serveFile(file));
    expect(same(await get({ silence: 300 }))).toBe(true);
    expect(server.ranges).toEqual(["", "", "bytes=40000-"]);
  });

  test("Retry-After is waited for", async () => {
    server.answer = inTurn([status(429, { "retry-after": "1" })], serveFile(file));
    const start = performance.now();
    await get();
    expect(performance.now() - start).toBeGreaterThan(990);
  });

  test("a body that ends too early is, a length that is less than it is not", async () => {
    const short: Answer = (_, response) => {
      response.writeHead(200, { etag: '"one"', "content-length": 100_000, connection: "close" });
      response.write(file.subarray(0, 60_000));
      response.socket!.end();
    };
    server.answer = inTurn([short], serveFile(file));
    expect(same(await get())).toBe(true);
  });

  test("where no server answers, that is said soon", async () => {
    server.answer = (request) => request.socket.destroy();
    expect(await errorOf(get({ pause: 500 }))).toMatchObject({ code: "fetch-failed" });
    expect(server.ranges).toHaveLength(2);
  });

  test("after five times in a row nothing passes any more", async () => {
    server.answer = status(503);
    expect(await errorOf(get())).toMatchObject({ code: "fetch-failed", source: `${server.base}/file` });
    expect(server.ranges).toHaveLength(5);
  });

  test("nor where answers break off here and there without coming further", async () => {
    server.answer = (_, response, nth) => breakOff(response, file, nth % 2 === 0 ? 40_000 : 10_000, {});
    expect((await errorOf(get())).code).toBe("fetch-failed");
    expect(server.ranges).toHaveLength(5);
  });

  test("nor where every answer breaks off at once", async () => {
    server.answer = (_, response) => breakOff(response, file, 0, {});
    const error = await errorOf(get());
    expect(error.code).toBe("fetch-failed");
    expect(error.message).toMatch(/broke off at byte 0: .*Check the connection/);
    expect(server.ranges).toHaveLength(5);
  });
});

describe("what does not pass", () => {
  test.each([
    [404, "not-found"],
    [410, "not-found"],
    [401, "fetch-failed"],
    [403, "fetch-failed"],
    [400, "fetch-failed"],
  ])("%d is not tried again", async (code, wanted) => {
    server.answer = status(code);
    expect((await errorOf(get())).code).toBe(wanted);
    expect(server.ranges).toHaveLength(1);
  });

  test("redirects are followed, in a circle not for good", async () => {
    const file206 = serveFile(file);
    server.answer = (request, response, nth) =>
      request.url === "/file"
        ? response.writeHead(302, { location: "/other" }).end()
        : file206(request, response, nth);
    expect(same(await get())).toBe(true);
    server.answer = (_, response) => response.writeHead(302, { location: "/file" }).end();
    expect((await errorOf(get())).code).toBe("fetch-failed");
  });

  test("a page in place of the file is known by its content", async () => {
    server.answer = (_, response) => response.end("<!doctype html><title>Please log in</title>");
    expect(await errorOf(loadWeights(`${server.base}/w.pth`))).toMatchObject({ code: "unknown-format" });
  });

  test("what a caller's onProgress throws is no fault of the connection", async () => {
    server.answer = serveFile(file);
    const oops = new Error("oops");
    const onProgress = () => {
      throw oops;
    };
    await expect(get({ onProgress })).rejects.toBe(oops);
    expect(server.ranges).toHaveLength(1);
  });
});

describe("an aborted signal ends it at once", () => {
  const reason = new Error("changed my mind");
  const cases: [string, Answer, DownloadOptions][] = [
    ["while the server is silent", () => undefined, {}],
    ["in the middle of the body", (_, response) => void response.write(file.subarray(0, 100)), {}],
    ["in the pause before a retry", status(503), { pause: 60_000 }],
  ];
  test.each(cases)("%s", async (_, answer, options) => {
    server.answer = answer;
    const controller = new AbortController();
    const failed = get({ signal: controller.signal, ...options }).catch((error: unknown) => error);
    setTimeout(() => controller.abort(reason), 100);
    const start = performance.now();
    expect(await failed).toBe(reason);
    expect(performance.now() - start).toBeLessThan(1000);
    expect(server.ranges).toHaveLength(1);
  });
});
