/** What `init` sets for all later calls: here, where the package's .wasm files are. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type TestServer, testServer } from "../server.js";
import { convzoo, corePath, root, wasmPath } from "./package.js";
import { refused } from "./refused.js";

const { capabilities, init, load } = convzoo;

const digit = join(root, "examples/digits/7-0.png");

let server: TestServer;
let asked: string[] = [];
let empty: string;
beforeAll(async () => {
  empty = mkdtempSync(join(tmpdir(), "convzoo-init-"));
  server = await testServer((request, response) => {
    asked.push(request.url!);
    response.end(readFileSync(wasmPath(request.url!.replace("/cdn/", ""))));
  });
});
afterEach(() => {
  init();
  asked = [];
});
afterAll(() => {
  server.close();
  rmSync(empty, { recursive: true, force: true });
});

/** Loads LeNet-5 and reads a digit. */
async function read(options: Parameters<typeof load>[1] = {}): Promise<string | undefined> {
  using model = await load("lenet5", options);
  return (await model.classify(digit))[0]!.label;
}

test.each(["/cdn", "/cdn/"])("core and decoders come from the folder that is set (%s)", async (path) => {
  const { core } = await capabilities();
  init({ wasm: `${server.base}${path}` });
  expect(await read()).toBe("7");
  expect(asked).toEqual(
    [corePath(core), wasmPath("squoosh_png.wasm")].map((path) => `/cdn/${basename(path)}`),
  );
});

test("it may be a URL object or a path", async () => {
  init({ wasm: new URL(`${server.base}/cdn`) });
  expect(await read()).toBe("7");
  expect(asked).toHaveLength(2);
  init({ wasm: wasmPath("") });
  expect(await read()).toBe("7");
  init({ wasm: pathToFileURL(wasmPath("")) });
  expect(await read()).toBe("7");
  expect(asked).toHaveLength(2);
});

test("what a call is given goes before it", async () => {
  const wasm = wasmPath("simd128.wasm");
  init({ wasm: empty });
  const decoders = { squoosh_png: wasmPath("squoosh_png.wasm") };
  expect(await read({ wasm, decoders })).toBe("7");
  await refused(() => read({ wasm }), "bad-wasm", "squoosh_png.wasm", empty);
});

test("a folder without the file is said, and forgotten with the next init", async () => {
  init({ wasm: empty });
  await refused(() => load("lenet5"), "bad-wasm", empty);
  init({});
  expect(await read()).toBe("7");
});

test.each([[""], [5], [null], [{}]])("wasm, or worker, %s is refused", (given) => {
  for (const option of ["wasm", "worker"])
    expect(() => init({ [option]: given as string })).toThrow(
      expect.objectContaining({ code: "bad-option" }),
    );
});
