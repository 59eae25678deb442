/** What `smoke.mjs` must report, whatever it runs in. */
import { expect } from "vitest";
import type { Capabilities } from "../../src/backend/flavour.js";

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
