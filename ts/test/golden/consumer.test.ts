/** The package's types, as the compiler of an application that installed it sees them. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "./package.js";

/** An application of each entry; the marked lines are wrong on purpose, lest everything pass for any. */
const APPLICATION = `
import { type ConvzooError, type Model, alexnet, convolutionize, load, zoo } from "convzoo";
import { load as loadAtTheEdge } from "convzoo/edge";
import { load as loadInline } from "convzoo/inline";
import { augment } from "convzoo/augment";

export async function top(bytes: Uint8Array): Promise<string | undefined> {
  const model: Model = await load("resnet18", { weights: bytes, threads: 2, signal: AbortSignal.timeout(1000) });
  const [first] = await model.classify({ width: 1, height: 1, data: new Uint8Array(3) }, { topk: 1 });
  const { data }: { data: Float32Array } = await model.run({ shape: [1, 3, 224, 224], data: new Float32Array(150528) });
  const taps = await model.run({ shape: [1], data }, { outputs: ["fc"] });
  model.dispose();
  return taps.fc ? first?.label : undefined;
}
export const dense: string = String(convolutionize(alexnet({ classes: 10 }), [3, 224, 224], { pooling: "cell" }));
export const year: number = zoo.resnet50.year;
export const code: ConvzooError["code"] = "bad-wasm";
export const others = [loadAtTheEdge, loadInline, augment];

// @ts-expect-error there is no such network
load("resnet51");
// @ts-expect-error nor such an option
alexnet({ clases: 10 });
// @ts-expect-error nor such a code
export const wrong: ConvzooError["code"] = "bad";
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "convzoo-consumer-"));
  const installed = join(folder, "node_modules/convzoo");
  mkdirSync(join(installed, "dist"), { recursive: true });
  cpSync(join(root, "package.json"), join(installed, "package.json"));
  const types = readdirSync(join(root, "dist")).filter((name) => name.endsWith(".d.ts"));
  for (const name of types) cpSync(join(root, "dist", name), join(installed, "dist", name));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "application.ts"), APPLICATION);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ["node16", "node16", []],
  ["nodenext", "nodenext", []],
  ["bundler", "esnext", []],
  ["bundler", "esnext", ["browser"]],
  ["bundler", "esnext", ["workerd"]],
])("resolved by %s (module %s, conditions %j)", (moduleResolution, module, customConditions) => {
  const compilerOptions = {
    module,
    moduleResolution,
    customConditions,
    target: "es2022",
    // Nothing of ours: an application has the types of Node only if it installs them.
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions, files: ["application.ts"] }),
  );
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
  expect(stdout).toBe("");
  expect(status).toBe(0);
});
