/** What `smoke.mjs` must report, whatever it runs in. */
import { expect } from "vitest";
import type { Capabilities } from "../../src/backend/flavour.js";
import { errorOf } from "../onnx-cases.js";
import { checkpointFacts, onnxCase } from "./packed.js";

/** A checkpoint's tensors, with their bytes as numbers. */
type Entries = readonly (readonly [
  string,
  { readonly dtype: string; readonly shape: readonly number[]; readonly bytes: readonly number[] },
])[];

/** What `smoke` gives. */
export interface Report {
  readonly capabilities: Capabilities;
  readonly core: string;
  readonly threads: number;
  readonly digit: readonly string[];
  readonly photo: readonly string[];
  readonly probability: number;
  readonly batch: {
    readonly shape: readonly number[];
    readonly largest: number;
    readonly difference: number;
  };
  readonly onDemand: {
    readonly checkpoint: Entries;
    readonly saved: Entries;
    readonly onnx: readonly number[];
    readonly dense: { readonly largest: number; readonly difference: number };
    readonly resized: readonly number[];
  };
}

/** Checks what is the same in all runtimes. `kept`: the models were not disposed of. */
export function checkReport(report: Report, { kept = false } = {}): void {
  expect(report.digit[0]).toBe("7");
  expect(report.photo[0]).toBe("chickadee");
  expect(report.photo).toHaveLength(5);
  expect(report.probability).toBeCloseTo(0.9878, 3);
  expect(report.batch.shape).toEqual([3, 1000]);
  expect(report.batch.largest).toBeGreaterThan(0.1);
  expect(report.batch.difference).toBeLessThanOrEqual(1e-5 * report.batch.largest);
  checkOnDemand(report.onDemand);
  expect(report).toMatchObject({
    print: [
      "LeNet5(",
      "  (features): Sequential(",
      "    (0): Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))",
      "    (1): ReLU(inplace=True)",
    ],
    summary: { params: 1_235_496, macs: 349_151_936 },
    taps: [
      { path: "features.3", shape: [3, 128, 31, 23], finite: true },
      { path: "features.12.squeeze", shape: [3, 64, 7, 5], finite: true },
      { path: "classifier", shape: [3, 1000, 1, 1], finite: true },
    ],
    refused: { ours: true, code: "bad-shape", message: expect.stringContaining("3") },
    unknown: "unknown-model",
    broken: "bad-image",
    abortedLoad: "enough of loading",
    abortedRun: "enough of running",
    after: 0,
    ...(kept ? {} : { disposedWhileRunning: "disposed", disposed: "disposed" }),
  });
}

function checkOnDemand(report: Report["onDemand"]): void {
  for (const entries of [report.checkpoint, report.saved]) {
    const facts = entries.map(([key, { dtype, shape, bytes }]) => {
      return [key, { dtype, shape, hex: Buffer.from(bytes).toString("hex") }] as const;
    });
    expect(new Map(facts)).toEqual(checkpointFacts);
  }
  expect(report.onnx).toHaveLength(onnxCase.output.length);
  expect(errorOf(onnxCase, report.onnx)).toBeLessThan(1e-5);
  expect(report.dense.difference).toBeLessThanOrEqual(1e-5 * report.dense.largest);
  // Torch's interpolate of [1, 3, 5, 7] to two numbers, antialiased.
  expect(report.resized).toEqual([expect.closeTo(2.4285715, 5), expect.closeTo(5.571429, 5)]);
  expect(report).toMatchObject({
    dense: { shape: [10, 2, 4], box: { x: 12, y: 4, width: 28, height: 28 } },
    convolutionized: { shape: [1, 10, 2, 4], difference: 0 },
    embedding: [1, 84],
  });
}
