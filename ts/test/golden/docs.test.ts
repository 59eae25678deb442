/** The documentation's code: every block of JavaScript is checked against the package's types, and those marked `run` are run. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Live, live } from "../live.js";
import { convzoo, noise, root } from "./package.js";

/** Within the repository, where the package goes by its own name. */
const folder = join(root, "build/docs-code");

interface Block {
  readonly name: string;
  readonly code: string;
  readonly runs: boolean;
}

/** The blocks of a page, from its top. */
function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), "utf8");
  const found = [...text.matchAll(/(<!-- run -->\n)?^```js\n([\s\S]*?)^```$/gm)];
  const stem = page.replace(/\W+/g, "-");
  return found.map(([, mark, code], i) => ({
    name: `${stem}-${i + 1}`,
    code: code!,
    runs: mark !== undefined,
  }));
}

const guide = readdirSync(join(root, "docs/guide")).map((name) => `docs/guide/${name}`);
const blocks = [...guide, "README.md"].flatMap(blocksOf);

/** What blocks that are not run take as given. */
const GIVEN = `
declare module "*.wasm" { const module: WebAssembly.Module; export default module; }
declare module "*.safetensors" { const bytes: ArrayBuffer; export default bytes; }
declare module "https://cdn.example.org/*" { export * from "convzoo"; }
declare const image: File;
declare const file: string;
declare const pixels: import("convzoo").RawPixels;
declare const float32Array: Float32Array;
declare const rgbaBytes: Uint8Array;
declare const n: number;
declare const net: import("convzoo").Net;
declare const videoFrame: VideoFrame;
declare const buffer: GPUBuffer;
declare const input: any;
declare const model: import("convzoo").Model;
declare const weights: import("convzoo").Weights;
declare const x: import("convzoo").Tensor;
declare const show: (...values: unknown[]) => void;
`;

/** The import of a block that goes on where one before it ended. */
function imported(code: string): string {
  if (/^import /m.test(code)) return "";
  const names = Object.keys(convzoo).filter((name) => new RegExp(`(?<![\\w.])${name}\\(`).test(code));
  return `import { ${names.join(", ")} } from "convzoo";\n`;
}

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of ["bird.png", "cat.webp", "owl.jpg"])
    cpSync(join(root, "examples/images", name), join(folder, name));
  cpSync(join(root, "examples/images/hot_dog.jpg"), join(folder, "photo.jpg"));
  const shapes = convzoo.stateShapes(convzoo.resnet18());
  // Above zero, as variances are.
  const weight = (shape: readonly number[]) => ({
    shape,
    data: noise(shape).data.map((x) => 0.05 + 0.01 * x),
  });
  const weights = new Map([...shapes].map(([key, { shape }]) => [key, weight(shape)]));
  writeFileSync(join(folder, "resnet18.safetensors"), await convzoo.saveWeights(weights));
});

test("there are blocks of both kinds", () => {
  expect(blocks.filter(({ runs }) => runs).length).toBeGreaterThan(10);
  expect(blocks.filter(({ runs }) => !runs).length).toBeGreaterThan(5);
});

test("every block fits the package's types", () => {
  const types = join(folder, "types");
  mkdirSync(types);
  for (const { name, code } of blocks) writeFileSync(join(types, `${name}.ts`), `${imported(code)}${code}`);
  writeFileSync(join(types, "given.d.ts"), GIVEN);
  const compilerOptions = {
    ...{ target: "ES2022", module: "ESNext", moduleResolution: "Bundler", noEmit: true, skipLibCheck: true },
    ...{
      lib: ["ES2023", "ESNext.Disposable", "DOM", "DOM.Iterable"],
      types: ["node", "@webgpu/types"],
      strictNullChecks: false,
    },
  };
  writeFileSync(join(types, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  const done = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", types], {
    encoding: "utf8",
  });
  expect(done.stdout).toBe("");
  expect(done.status).toBe(0);
});

describe("blocks that run do", () => {
  // What a block asserts, Node's console would only print.
  const STRICT = `console.assert = (fine, ...said) => { if (!fine) throw new Error(said.join(" ") || "an assertion failed"); };\n`;

  // The server that its page starts, wherever that finds a port here.
  let server: Live;
  beforeAll(async () => {
    const page = readFileSync(join(root, "docs/guide/serve.md"), "utf8");
    server = await live(/^```yaml\n([\s\S]*?)^```$/m.exec(page)![1]!);
  });
  afterAll(() => server?.close());

  test.each(blocks.filter(({ runs }) => runs))("$name", ({ name, code }) => {
    const path = join(folder, `${name}.mjs`);
    const imports = code.match(/^import .*\n/gm) ?? [];
    const rest = code.replace(/^import .*\n/gm, "").replaceAll("http://127.0.0.1:8000", server.url);
    writeFileSync(path, `${imports.join("")}${STRICT}${rest}`);
    const done = spawnSync(process.execPath, [pathToFileURL(path).pathname], {
      cwd: folder,
      encoding: "utf8",
    });
    // Dawn, where there is no GPU's driver, says so itself.
    expect(done.status, done.stderr).toBe(0);
  });
});

describe("errors.md", () => {
  const headings = [...readFileSync(join(root, "docs/guide/errors.md"), "utf8").matchAll(/^### (.+)$/gm)];

  test("has a section for every code, and no other", () => {
    expect(headings.map(([, code]) => code).sort()).toEqual(Object.keys(convzoo.ERROR_CODES).sort());
  });
});
