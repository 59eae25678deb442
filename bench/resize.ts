/**
 * Resizing beside Pillow's, in turns: `node --import tsx bench/resize.ts [--python PATH] [--rounds N]`, after a build. A row
 * whose bytes differ from Pillow's is void.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { initSync, resize as resizeInCore } from "../build/core/single/core.js";
import { median } from "../ts/src/cli/bench/times.js";
import { openProgram } from "./session.js";

const { values } = parseArgs({
  options: { python: { type: "string", default: "python3" }, rounds: { type: "string", default: "15" } },
});
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const name: string = "convzoo";
const { resize } = (await import(name)) as typeof import("../ts/src/node.js");
// The build that the package's own image functions use.
initSync({ module: new WebAssembly.Module(readFileSync(path("../build/core/wasm/simd128.wasm"))) });

const CHANNELS = { L: 1, RGB: 3, RGBA: 4 } as const;
/** Mode, filter, size, and what it becomes: a camera's picture, a web page's, and one that grows. */
const CASES = (["L", "RGB", "RGBA"] as const).flatMap((mode) =>
  (["bilinear", "bicubic", "lanczos"] as const).flatMap((filter) => [
    { mode, filter, from: [4000, 3000], to: [341, 256] } as const,
    { mode, filter, from: [500, 375], to: [341, 256] } as const,
    { mode, filter, from: [224, 224], to: [448, 448] } as const,
  ]),
);

const folder = mkdtempSync(join(tmpdir(), "convzoo-resize-"));
const pillow = openProgram(values.python, [path("resize.py")]);
const rows: Record<string, string | number>[] = [];
let version = "";
try {
  for (const { mode, filter, from, to } of CASES) {
    const [width, height] = from;
    const data = new Uint8Array(width * height * CHANNELS[mode]).map(
      (_, i) => Math.imul(i, 0x9e3779b1) >>> 24,
    );
    const file = join(folder, "pixels");
    writeFileSync(file, data);
    ({ version } = await pillow.ask<{ version: string }>({ pixels: file, mode, size: from }));
    const options = { width: to[0], height: to[1], filter };
    const engines = {
      core: () => resizeInCore(data, width, height, CHANNELS[mode], to[0], to[1], 0, 0, to[0], to[1], filter),
      package: async () => (await resize({ width, height, data }, options)).data,
    };
    const times = { core: [] as number[], package: [] as number[], pillow: [] as number[] };
    const hashes = new Set<string>();
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [engine, run] of Object.entries(engines) as [keyof typeof engines, () => unknown][]) {
        const began = performance.now();
        const made = (await run()) as Uint8Array;
        times[engine].push(performance.now() - began);
        hashes.add(createHash("sha256").update(made).digest("hex"));
      }
      const { ms, sha256 } = await pillow.ask<{ ms: number; sha256: string }>({ resize: [...to, filter] });
      times.pillow.push(ms);
      hashes.add(sha256);
    }
    const same = hashes.size === 1;
    const ratio = (engine: keyof typeof engines) =>
      same ? median(times.pillow.map((ms, i) => ms / times[engine][i]!)).toFixed(2) : "void";
    rows.push({
      image: `${mode} ${from.join(" x ")} to ${to.join(" x ")}`,
      filter,
      "Pillow ms": median(times.pillow).toFixed(2),
      "core ms": median(times.core).toFixed(2),
      "resize() ms": median(times.package).toFixed(2),
      "Pillow / core": ratio("core"),
      "Pillow / resize()": ratio("package"),
    });
  }
} finally {
  pillow.close();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${cpus()[0]?.model} x ${cpus().length}; Node ${process.version}; ${version}`);
console.table(rows);
