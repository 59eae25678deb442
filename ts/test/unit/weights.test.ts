import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConvzooError, type ErrorCode } from "../../src/errors.js";
import { labelsOf } from "../../src/labels/index.js";
import { elementCount, firstNotFinite } from "../../src/weights/dtype.js";
import {
  type FilePlatform,
  type LoadProgress,
  loadWeights,
  type ReadOptions,
  type WeightSource,
} from "../../src/weights/index.js";

const folder = new URL("../../../weights/", import.meta.url);
const lenet5 = new URL("lenet5.safetensors", folder);
const bytes = new Uint8Array(readFileSync(lenet5));
const platform: FilePlatform = { read: (path, signal) => readFile(path, { signal }) };

async function errorOf(source: unknown, options?: ReadOptions): Promise<ConvzooError> {
  const error: unknown = await loadWeights(source as WeightSource, options).then(
    () => new Error("was accepted"),
    (reason: unknown) => reason,
  );
  if (error instanceof ConvzooError) return error;
  throw error;
}

/** A stream of these chunks; `cancelled` resolves with the reason if its reader gives up. */
function stream(chunks: unknown[], end: "close" | "hang" | Error = "close") {
  let cancel: (reason: unknown) => void;
  const cancelled = new Promise<unknown>((resolve) => (cancel = resolve));
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (chunks.length > 0) controller.enqueue(chunks.shift() as Uint8Array);
      else if (end === "close") controller.close();
      else if (end === "hang") return new Promise<void>(() => undefined);
      else controller.error(end);
      return undefined;
    },
    cancel: (reason) => cancel(reason),
  });
  return { body, cancelled };
}

const pieces = () => [bytes.slice(0, 1000), bytes.slice(1000, 1003), bytes.slice(1003)];

let server: Server;
let base: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === "/lenet5") response.setHeader("content-length", bytes.length).end(bytes);
    else if (request.url === "/gzip") response.setHeader("content-encoding", "gzip").end(gzipSync(bytes));
    else if (request.url === "/chunked")
      response.write(bytes.slice(0, 5000), () => response.end(bytes.slice(5000)));
    else if (request.url === "/page") response.end("<!DOCTYPE html><title>Hello</title>");
    else if (request.url === "/hang")
      response.setHeader("content-length", bytes.length).write(bytes.slice(0, 5000));
    else if (request.url === "/cut")
      response.setHeader("content-length", bytes.length).write("x", () => response.destroy());
    else response.writeHead(request.url === "/broken" ? 503 : 404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe("sources", () => {
  const sources: [name: string, source: () => WeightSource, total: boolean][] = [
    ["a path", () => fileURLToPath(lenet5), true],
    ["a file URL", () => lenet5, true],
    ["a file URL as text", () => String(lenet5), true],
    ["an http URL", () => new URL(`${base}/lenet5`), true],
    ["an http URL as text", () => `${base}/lenet5`, true],
    ["a response without a length", () => `${base}/chunked`, false],
    ["a compressed response", () => `${base}/gzip`, false],
    ["a data: URL", () => `data:;base64,${Buffer.from(bytes).toString("base64")}`, false],
    ["an ArrayBuffer", () => bytes.slice().buffer, true],
    ["a Uint8Array", () => bytes, true],
    ["a DataView", () => new DataView(bytes.buffer), true],
    ["a Blob", () => new Blob([bytes]), true],
    ["a Response", () => new Response(bytes), false],
    [
      "a Response that states its length",
      () => new Response(bytes, { headers: { "content-length": `${bytes.length}` } }),
      true,
    ],
    [
      "a Response that states too little",
      () => new Response(stream(pieces()).body, { headers: { "content-length": "1001" } }),
      false,
    ],
    [
      "a Response that states too much",
      () => new Response(bytes, { headers: { "content-length": "999999" } }),
      false,
    ],
    ["a ReadableStream", () => stream(pieces()).body, false],
  ];
  test.each(sources)("%s", async (_, source, knowsTotal) => {
    const progress: LoadProgress[] = [];
    const weights = await loadWeights(source(), { platform, onProgress: (p) => progress.push(p) });
    expect([...weights.keys()]).toHaveLength(10);
    expect(weights.get("classifier.4.bias")).toMatchObject({ dtype: "f32", shape: [10] });
    const tensors = [...weights.values()].map(({ data }) =>
      Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    );
    expect(Buffer.concat(tensors).equals(bytes.subarray(bytes.length - 44426 * 4))).toBe(true);
    const last = progress.at(-1)!;
    expect(last).toMatchObject({ phase: "download", loaded: bytes.length });
    if (knowsTotal) expect(last.total).toBe(bytes.length);
    expect(progress.map((p) => p.loaded)).toEqual(progress.map((p) => p.loaded).sort((a, b) => a - b));
  });

  test("memory is viewed, not copied", async () => {
    expect((await loadWeights(bytes)).get("features.0.weight")!.data.buffer).toBe(bytes.buffer);
  });
});

describe("what cannot be read", () => {
  const transferred = () => {
    const buffer = bytes.slice().buffer;
    structuredClone(buffer, { transfer: [buffer] });
    return buffer;
  };
  const used = async () => {
    const response = new Response(bytes);
    await response.arrayBuffer();
    return response;
  };
  const cases: [name: string, source: () => unknown, code: ErrorCode, message: RegExp][] = [
    ["a path to nothing", () => "no/such.safetensors", "not-found", /no\/such\.safetensors/],
    ["a path through a file", () => `${fileURLToPath(lenet5)}/x`, "not-found", /lenet5\.safetensors\/x/],
    ["a directory", () => fileURLToPath(folder), "fetch-failed", /directory/],
    ["404", () => `${base}/nothing`, "not-found", /\/nothing .* 404/],
    ["503", () => `${base}/broken`, "fetch-failed", /\/broken .* 503/],
    ["a Response of 404", () => new Response("", { status: 404 }), "not-found", /404/],
    ["no server", () => "http://127.0.0.1:1/x", "fetch-failed", /127\.0\.0\.1:1\/x/],
    ["a connection that breaks", () => `${base}/cut`, "fetch-failed", /\/cut broke off/],
    [
      "a stream that breaks",
      () => stream([new Uint8Array(9)], new Error("oops")).body,
      "fetch-failed",
      /oops/,
    ],
    ["a Response read before", used, "fetch-failed", /read already/],
    ["a stream of text", () => stream(["text"]).body, "bad-option", /strings/],
    ["a transferred buffer", transferred, "bad-option", /transferred/],
    ["a number", () => 5, "bad-option", /number/],
    ["null", () => null, "bad-option", /null/],
    ["a plain object", () => ({ byteLength: 8 }), "bad-option", /object/],
  ];
  test.each(cases)("%s", async (_, source, code, message) => {
    const error = await errorOf(await source(), { platform, pause: 1 });
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  test("a file where the runtime has none", async () => {
    expect((await errorOf("file:///w.safetensors")).code).toBe("unsupported");
    expect((await errorOf(new URL("file:///w.safetensors"))).code).toBe("unsupported");
  });

  test("a buffer larger than the runtime can hold", async () => {
    const response = new Response(bytes, { headers: { "content-length": `${2 ** 52}` } });
    expect((await errorOf(response)).code).toBe("too-large");
  });
});

describe("an aborted signal rejects with its reason", () => {
  const reason = new Error("changed my mind");
  const failing = (source: WeightSource, options: ReadOptions) =>
    loadWeights(source, options).catch((error: unknown) => error);

  test.each([["a buffer"], ["a path"], ["a URL"], ["a stream"]])("before: %s", async (kind) => {
    const source = { "a buffer": bytes, "a path": "x", "a URL": `${base}/lenet5` }[kind] ?? stream([]).body;
    expect(await failing(source, { platform, signal: AbortSignal.abort(reason) })).toBe(reason);
  });

  test("during a download", async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort(reason);
    expect(await failing(`${base}/hang`, { signal: controller.signal, onProgress })).toBe(reason);
  });

  test("while a server is silent", async () => {
    const controller = new AbortController();
    const failed = failing(`${base}/hang`, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    expect(await failed).toBe(reason);
  });

  test("while a stream is silent; the stream is told", async () => {
    const controller = new AbortController();
    const { body, cancelled } = stream([bytes.slice(0, 10)], "hang");
    const failed = failing(body, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 20);
    expect(await failed).toBe(reason);
    expect(await cancelled).toBe(reason);
  });

  test("while a file is read", async () => {
    const controller = new AbortController();
    const failed = failing(fileURLToPath(lenet5), { platform, signal: controller.signal });
    controller.abort(reason);
    expect(await failed).toBe(reason);
  });
});

test("an onProgress that throws ends the download with its error", async () => {
  const oops = new Error("oops");
  const { body, cancelled } = stream(pieces());
  const onProgress = () => {
    throw oops;
  };
  await expect(loadWeights(body, { onProgress })).rejects.toBe(oops);
  expect(await cancelled).toBe(oops);
});

describe("other formats are named", () => {
  const ascii = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
  const zip = (name: string) =>
    `PK\x03\x04${"\0".repeat(22)}${String.fromCharCode(name.length)}\0\0\0${name}`;
  const cases: [name: string, content: string, message: RegExp][] = [
    ["nothing", "", /is empty/],
    ["PyTorch's tar", `./${"\0".repeat(255)}ustar`, /tar.*torch\.save/s],
    ["another zip", zip("readme.txt"), /zip archive.*Unpack/],
    ["HDF5", "\x89HDF\r\n\x1a\n\x00\x00", /HDF5/],
    ["TensorFlow Lite", "\x1c\0\0\0TFL3", /TensorFlow Lite/],
    ["gzip", "\x1f\x8b\x08\x00\x00\x00", /gunzip/],
    ["a page", "\n<!doctype html>\n<html>", /HTML/],
    ["a page with a byte order mark", "\xef\xbb\xbf<html lang=en>", /HTML/],
    ["a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\n", /git lfs pull/],
    ["JSON", '[{"name": "conv1"}]', /JSON/],
    ["an image", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", /89 50 4e 47/],
    ["text", "hello", /68 65 6c 6c 6f/],
  ];
  test.each(cases)("%s", async (_, content, message) => {
    const error = await errorOf(ascii(content));
    expect(error.code).toBe("unknown-format");
    expect(error.message).toMatch(message);
  });

  test("the message and `source` name the file", async () => {
    const error = await errorOf(`${base}/page`);
    expect(error).toMatchObject({ code: "unknown-format", source: `${base}/page` });
    expect(error.message).toContain(`${base}/page`);
    expect((await errorOf(new File(["hello"], "w.bin"))).message).toContain("w.bin");
  });

  test.each([
    ["a pickle", 0x0280],
    ["gzip", 0x8b1f],
    ["ONNX", 0x120108],
  ])("a .safetensors file whose header's length begins like %s", async (_, length) => {
    const file = Buffer.from(`\0\0\0\0\0\0\0\0{}${" ".repeat(length - 2)}`);
    file.writeUInt32LE(length);
    expect((await loadWeights(file)).size).toBe(0);
  });

  test("a damaged .safetensors is still known as one", async () => {
    expect((await errorOf(bytes.subarray(0, 5000), {})).code).toBe("bad-weights");
    const error = await errorOf(ascii("\x05\0\0\0\0\0\0\0 {}  "));
    expect(error.code).toBe("bad-weights");
  });
});

describe("what is in the repository", () => {
  test.each(["lenet5", "squeezenet1_1"])(
    "weights/%s.safetensors is what weights/README.md says",
    async (name) => {
      const data = readFileSync(new URL(`${name}.safetensors`, folder));
      const hash = createHash("sha256").update(data).digest("hex");
      expect(readFileSync(new URL("README.md", folder), "utf8")).toContain(hash);
      const weights = await loadWeights(data);
      expect(weights.metadata.get("licence")).toBe("Apache-2.0");
      const dtypes = new Set([...weights.values()].map(({ dtype }) => dtype));
      expect([...dtypes]).toEqual([name === "lenet5" ? "f32" : "f16"]);
      expect([...weights.values()].filter((tensor) => firstNotFinite(tensor) >= 0)).toEqual([]);
      const parameters = [...weights.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0);
      expect(parameters).toBe(name === "lenet5" ? 44_426 : 1_235_496);
    },
  );

  test("labels", async () => {
    const labels = await labelsOf("imagenet1k");
    expect(labels).toHaveLength(1000);
    expect(new Set(labels).size).toBe(1000);
    expect([labels[0], labels[285], labels[999]]).toEqual(["tench", "Egyptian cat", "toilet tissue"]);
    expect(await labelsOf("digits")).toEqual([..."0123456789"]);
  });
});
