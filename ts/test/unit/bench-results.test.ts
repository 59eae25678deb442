/** How the benchmark's results are named and what becomes of them in tables. */
import { expect, test } from "vitest";
import { describe, fileFor, readProcessor } from "../../../bench/machine.js";
// @ts-expect-error our scripts have no types
import { benchRows, benchTable, geometricMean, newestResults } from "../../../scripts/bench_table.mjs";

const CPUINFO = `processor	: 0
vendor_id	: AuthenticAMD
cpu family	: 25
model		: 17
model name	: AMD EPYC
stepping	: 1
flags		: fpu fma avx2 avx512f avx512_vnni fsrm
`;

test("a processor is told by more than its name, where Linux says more", () => {
  const zen4 = readProcessor("AMD EPYC", CPUINFO);
  expect(describe(zen4)).toBe("AMD EPYC, family 25, model 17, stepping 1 (fma avx2 avx512f avx512_vnni)");
  const at = new Date("2026-11-29T14:12:59Z");
  expect(fileFor(zen4, at, "scaling")).toBe("amd-epyc-family-25-model-17/2026-11-29-1412-scaling.json");
  const other = readProcessor("Apple M3", "");
  expect(describe(other)).toBe("Apple M3");
  expect(fileFor(other, at, "1-threads")).toBe("apple-m3/2026-11-29-1412-1-threads.json");
});

const row = (model: string, engine: string, ms: number | "void", times: number | "void" | "-") => ({
  ...{ model, engine, runtime: "chromium", ms, best: ms, "times ours": times, "roofline %": ms },
});
const inNode = { ...row("alexnet", "tfjs-wasm 4.22.0", 10, 0.5), runtime: "node" };
const rows = [
  row("alexnet", "convzoo 0.1.0", 20, 1),
  row("alexnet", "litert 2.5.3", "void", "void"),
  // By medians 1.5 times ours; what counts is the ratio by rounds.
  row("alexnet", "onnxruntime-web 1.30.0", 30, 1.6),
  row("alexnet", "tfjs-wasm 4.22.0", 1234, 4),
  inNode,
  row("vgg19", "convzoo 0.1.0", "void", "void"),
  row("vgg19", "litert 2.5.3", 9, "void"),
  row("resnet18", "convzoo 0.1.0", 5, 1),
  row("resnet18", "litert 2.5.3", 20, 2.5),
];

test("ratios are those by rounds; wrong answers have none", () => {
  const networks = benchRows(rows);
  const ratios = networks.map(({ model, ratio }: { model: string; ratio?: number }) => [model, ratio]);
  expect(ratios).toEqual([
    ["alexnet", 1 / 1.6],
    ["resnet18", 1 / 2.5],
    ["vgg19", undefined],
  ]);
  expect(geometricMean(networks)).toBeCloseTo(0.5, 10);
  expect(benchTable(networks).split("\n")).toEqual([
    "| | convzoo | LiteRT.js 2.5 | tfjs 4.22 | onnxruntime-web 1.30 | ours / best of them |",
    "|---|---|---|---|---|---|",
    "| AlexNet | 20.0 | void | 1230 | 30.0 | 0.63 |",
    "| ResNet 18 | 5.00 | 20.0 | - | - | 0.40 |",
    "| VGG 19 | void | 9.00 | - | - | - |",
  ]);
  const full = benchTable(networks, { full: true }).split("\n");
  expect(full[2]).toBe("| AlexNet | 20.0 (20.0) | void | 1230 (1230) | 30.0 (30.0) | 0.63 | 20 % |");
  expect(full[4]).toBe("| VGG 19 | void | 9.00 (9.00) | - | - | - | - |");
});

test("there are results for the whole table", () => {
  expect(newestResults()).toMatch(/-1-threads\.json$/);
});
