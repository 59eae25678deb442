/** What the open network sends: bodies without end, bombs, lists of addresses that are not ours to fetch. */
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import type { ImageWorker } from "../../src/connect.js";
import { ConvzooError } from "../../src/errors.js";
import { bearerCheck, isLocal } from "../../src/serve/auth.js";
import { parseJson, readBody } from "../../src/serve/body.js";
import { Gate } from "../../src/serve/gate.js";
import { Images } from "../../src/serve/images.js";
import { jsonLog } from "../../src/serve/log.js";
import { Pool } from "../../src/serve/pool.js";
import { Refusal, refusalOf } from "../../src/serve/refusal.js";
import { fetchImage, isAllowed } from "../../src/serve/remote.js";
import { type TestServer, testServer } from "../server.js";

const never = new AbortController().signal;

function limits(most: number, all = 1e9, signal = never) {
  return { most, signal, all: new Gate(all, () => new Refusal(503, "busy", "full")) };
}

/** A body in pieces; counts those that were asked for. */
function source(pieces: readonly Uint8Array[], endless = false) {
  const counted = { read: 0 };
  async function* give() {
    do {
      for (const piece of pieces) {
        counted.read++;
        yield piece;
      }
    } while (endless);
  }
  return { pieces: give(), counted };
}

const status = (of: Promise<unknown>) =>
  of.then(
    () => 200,
    (error: Refusal) => error.status,
  );

describe("a body", () => {
  test("comes as it is, and its bytes are given back", async () => {
    const bounds = limits(10);
    const { pieces } = source([Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3)]);
    const body = await readBody(pieces, new Headers(), bounds);
    expect([...body.bytes]).toEqual([1, 2, 3]);
    expect(bounds.all.held).toBe(3);
    body.release();
    body.release();
    expect(bounds.all.held).toBe(0);
    expect((await readBody(null, new Headers(), bounds)).bytes).toHaveLength(0);
  });

  test("gives the memory of its pieces back, but not what is another's", async () => {
    const room = new ArrayBuffer(30);
    const given: unknown[] = [];
    const transfer = function (this: ArrayBuffer, length: number) {
      given.push([this, length]);
    };
    const own = Uint8Array.of(1, 2, 3);
    for (const buffer of [own.buffer, room]) Object.assign(buffer, { transfer });
    const parts = [own, Uint8Array.of(), new Uint8Array(room, 0, 10), new Uint8Array(room, 10, 20)];
    const body = await readBody(source(parts).pieces, new Headers(), limits(100));
    expect([...body.bytes.subarray(0, 4)]).toEqual([1, 2, 3, 0]);
    expect(body.bytes).toHaveLength(33);
    expect(given).toEqual([[own.buffer, 0]]);
  });

  test("that says it is too large is not read", async () => {
    const { pieces, counted } = source([new Uint8Array(5)]);
    expect(await status(readBody(pieces, new Headers({ "content-length": "11" }), limits(10)))).toBe(413);
    expect(counted.read).toBe(0);
  });

  test("without end is read to the limit", async () => {
    const { pieces, counted } = source([new Uint8Array(4)], true);
    const bounds = limits(10);
    expect(await status(readBody(pieces, new Headers(), bounds))).toBe(413);
    expect(counted.read).toBe(3);
    expect(bounds.all.held).toBe(0);
  });

  test("that would be too much with all others is refused", async () => {
    const bounds = limits(10, 8);
    const one = await readBody(source([new Uint8Array(6)]).pieces, new Headers(), bounds);
    expect(await status(readBody(source([new Uint8Array(6)]).pieces, new Headers(), bounds))).toBe(503);
    one.release();
    expect(await status(readBody(source([new Uint8Array(6)]).pieces, new Headers(), bounds))).toBe(200);
  });

  test("that comes too slowly is given up", async () => {
    const stop = new AbortController();
    async function* slow() {
      yield Uint8Array.of(1);
      await new Promise(() => {});
    }
    const bounds = limits(10, 100, stop.signal);
    const reading = status(readBody(slow(), new Headers(), bounds));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(bounds.all.held).toBe(1);
    stop.abort(new Refusal(504, "timed-out", "late"));
    expect(await reading).toBe(504);
    expect(bounds.all.held).toBe(0);
  });

  test("that breaks off is the client's doing", async () => {
    async function* broken() {
      yield Uint8Array.of(1);
      throw Object.assign(new Error("aborted"), { code: "ECONNRESET" });
    }
    expect(await status(readBody(broken(), new Headers(), limits(10)))).toBe(499);
  });
});

describe("a compressed body", () => {
  const gzip = new Headers({ "content-encoding": "gzip" });
  test("is decompressed", async () => {
    const packed = gzipSync(Buffer.from("hello"));
    const { bytes } = await readBody(
      source([packed.subarray(0, 9), packed.subarray(9)]).pieces,
      gzip,
      limits(1000),
    );
    expect(new TextDecoder().decode(bytes)).toBe("hello");
  });

  test("that is a bomb bursts at the limit", async () => {
    // 1 GiB of zeros, as 1 MB of gzip members.
    const member = gzipSync(new Uint8Array(2 ** 26));
    const { pieces, counted } = source([member], true);
    const before = process.memoryUsage().arrayBuffers;
    expect(await status(readBody(pieces, gzip, limits(2 ** 20)))).toBe(413);
    expect(counted.read).toBeLessThan(20);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 27);
  });

  test.each([
    ["cut", gzipSync(Buffer.from("hello")).subarray(0, 12)],
    ["other data", Buffer.from("hello, this is no gzip")],
    ["damaged", Buffer.concat([gzipSync(Buffer.from("hello")).subarray(0, -8), Buffer.alloc(8)])],
  ])("that is %s is refused", async (_, packed) => {
    const bounds = limits(1000);
    expect(await status(readBody(source([packed]).pieces, gzip, bounds))).toBe(400);
    expect(bounds.all.held).toBe(0);
  });

  test.each(["br", "gzip, gzip", "zstd", "x".repeat(1000)])("by %s is refused", async (encoding) => {
    const headers = new Headers({ "content-encoding": encoding });
    expect(await status(readBody(source([]).pieces, headers, limits(10)))).toBe(415);
  });
});

describe("JSON", () => {
  test("must be UTF-8, and JSON", () => {
    expect(() => parseJson(Uint8Array.of(0x22, 0xc3, 0x28, 0x22))).toThrow(/no UTF-8/);
    expect(() => parseJson(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22))).toThrow(/no UTF-8/);
    expect(() => parseJson(new TextEncoder().encode("{,}"))).toThrow(/no JSON/);
  });

  test("as deep as a body is long does not overflow the stack", () => {
    const deep = new TextEncoder().encode("[".repeat(2 ** 20));
    expect(() => parseJson(deep)).toThrow();
    try {
      parseJson(deep);
    } catch (error) {
      expect(refusalOf(error).status).toBe(400);
    }
  });
});

describe("a URL", () => {
  const allowed = ["https://images.example.org/cats/", "http://127.0.0.1:9/"];
  test.each([
    ["https://images.example.org/cats/1.jpg", true],
    ["HTTPS://Images.Example.ORG/cats/1.jpg", true],
    ["https://images.example.org/cats/../dogs/1.jpg", false],
    ["https://images.example.org/cats/%2e%2e/dogs/1.jpg", false],
    ["https://images.example.org\\@evil.example/cats/", false],
    ["https://images.example.org@evil.example/cats/1.jpg", false],
    ["https://evil.example/https://images.example.org/cats/", false],
    ["https://user:pass@images.example.org/cats/1.jpg", false],
    ["https://images.example.org.evil.example/cats/1.jpg", false],
    ["https://images.example.org:444/cats/1.jpg", false],
    ["http://images.example.org/cats/1.jpg", false],
    ["http://127.0.0.1/", false],
    ["http://2130706433:9/", true],
    ["http://169.254.169.254/latest/meta-data", false],
    ["file:///etc/passwd", false],
    ["data:image/png;base64,AA==", false],
    ["not a url", false],
    ["", false],
  ])("%s: %s", (url, expected) => {
    expect(isAllowed(url, allowed)).toBe(expected);
  });

  describe("that is allowed", () => {
    let server: TestServer | undefined;
    afterEach(() => server?.close());
    const get = async (path: string, most = 1000) => {
      const base = `${server!.base}/`;
      return fetchImage(`${base}${path}`, [base], limits(most));
    };

    test("is fetched", async () => {
      server = await testServer((_, response) => response.end("an image"));
      expect(new TextDecoder().decode((await get("a.png")).bytes)).toBe("an image");
    });

    test("does not lead elsewhere", async () => {
      server = await testServer((_, response) =>
        response.writeHead(302, { location: "http://169.254.169.254/" }).end(),
      );
      await expect(get("a.png")).rejects.toMatchObject({
        status: 502,
        message: expect.stringContaining("302"),
      });
    });

    test("gives no more than the limit", async () => {
      server = await testServer((_, response) => response.end("x".repeat(1001)));
      await expect(get("a.png")).rejects.toMatchObject({ status: 413 });
      server.answer = (_, response) =>
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(1e6)));
      await expect(get("a.png")).rejects.toMatchObject({ status: 413 });
    });

    test("that breaks off or is not there is the other server's doing", async () => {
      server = await testServer((_, response) => response.writeHead(404).end("no"));
      await expect(get("a.png")).rejects.toMatchObject({ status: 502 });
      server.answer = (_, response) => {
        response.writeHead(200, { "content-length": "100" });
        response.write("some", () => response.destroy());
      };
      await expect(get("a.png")).rejects.toMatchObject({ status: 502 });
      await expect(fetchImage("http://127.0.0.1:9/", allowed, limits(10))).rejects.toMatchObject({
        status: 502,
      });
    });
  });
});

describe("who may", () => {
  test("is told by the token alone", () => {
    const has = bearerCheck("0123456789abcdef");
    expect(["Bearer 0123456789abcdef", "bearer 0123456789abcdef"].map((header) => has(header))).toEqual([
      true,
      true,
    ]);
    for (const header of [
      null,
      "",
      "Bearer ",
      "0123456789abcdef",
      "Bearer 0123456789abcdeF",
      "Bearer 0123456789abcdef ",
    ])
      expect(has(header)).toBe(false);
  });

  test("is told without a token by all that a person here has and a page or a proxy has not", () => {
    const of = (headers: Record<string, string>) => isLocal("127.0.0.1", new Headers(headers));
    expect(of({ host: "127.0.0.1:8000" })).toBe(true);
    expect(of({ host: "[::1]:8000" })).toBe(true);
    expect(of({ host: "localhost" })).toBe(true);
    expect(of({})).toBe(false);
    expect(of({ host: "localhost.evil.example" })).toBe(false);
    expect(of({ host: "localhost", origin: "null" })).toBe(false);
    expect(of({ host: "localhost", via: "1.1 proxy" })).toBe(false);
  });
});

test("a log has one line for each thing, whatever clients send", () => {
  const lines: string[] = [];
  jsonLog((line) => lines.push(line))("info", "request", {
    path: 'a\n{"level":"error"}\u2028',
    none: undefined,
  });
  expect(lines).toHaveLength(1);
  expect(lines[0]!.trimEnd().split("\n")).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({ path: 'a\n{"level":"error"}\u2028' });
});

describe("errors", () => {
  test.each([
    [new ConvzooError("bad-image", "x"), 400],
    [new ConvzooError("too-large", "x"), 413],
    [new ConvzooError("poisoned", "x"), 503],
    [new ConvzooError("not-found", "/etc/passwd"), 500],
    [new Error("/etc/passwd"), 500],
    ["/etc/passwd", 500],
    [undefined, 500],
  ])("%s is %i", (error, expected) => {
    const refusal = refusalOf(error);
    expect(refusal.status).toBe(expected);
    expect(refusal.message).not.toContain("passwd");
  });
});

describe("what is one user's at a time", () => {
  test("goes to who waits longest, and not to who has gone", async () => {
    const pool = new Pool(["a"]);
    const gone = new AbortController();
    expect(await pool.take(never)).toBe("a");
    const [second, third] = [pool.take(gone.signal), pool.take(never)];
    gone.abort(new Error("gone"));
    await expect(second).rejects.toThrow("gone");
    pool.give("a");
    expect(await third).toBe("a");
    pool.give("a");
    expect(await pool.take(never)).toBe("a");
  });

  test("an image worker whose caller has gone is not free before it is done", async () => {
    let done = (_: number) => {};
    const worker = { dispose: () => {} } as ImageWorker;
    const images = new Images([worker], 10);
    const gone = new AbortController();
    const first = images.use(() => new Promise<number>((resolve) => (done = resolve)), gone.signal);
    await new Promise((resolve) => setTimeout(resolve));
    gone.abort(new Error("gone"));
    await expect(first).rejects.toThrow("gone");
    let began = false;
    const second = images.use(async () => (began = true), never);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(began).toBe(false);
    done(1);
    expect(await second).toBe(true);
  });
});
