/** The golden files on the core's relaxed-simd builds, in a Node that has relaxed SIMD. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inRuntimes, root, runToEnd } from "./packed.js";

const node = inRuntimes("node-24/bin/node");

test("goldens.test.ts in Node 24", { timeout: 900_000 }, async ({ skip }) => {
  skip(!node, "the package node-24 is not installed for this platform");
  const out = join(root, "build/test/relaxed-simd.json");
  rmSync(out, { force: true });
  const args = ["run", "--project", "golden", "goldens.test.ts", "--reporter=json", `--outputFile=${out}`];
  const ended = await runToEnd(
    node!,
    [join(root, "node_modules/vitest/vitest.mjs"), ...args],
    root,
    880_000,
    { CONVZOO_BUILDS: "relaxed-simd,relaxed-simd-threads" },
  );
  expect(existsSync(out), ended.stderr).toBe(true);
  const { testResults } = JSON.parse(readFileSync(out, "utf8")) as {
    testResults: {
      message: string;
      assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
    }[];
  };
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  // What needs more memory than there is, is skipped.
  const failed = tests.filter(({ status }) => status !== "passed" && status !== "skipped");
  expect(failed.map(({ fullName, failureMessages }) => `${fullName}\n${failureMessages.join("\n")}`)).toEqual(
    [],
  );
  for (const { message } of testResults) expect(message).toBe("");
  // The builds that this is about were among them, the one with threads with each number.
  const ran = (core: string, threads: number) =>
    tests.filter(({ fullName }) => fullName.includes(` ${core}, threads: ${threads} `)).length;
  expect(ran("relaxed-simd", 1)).toBeGreaterThan(40);
  for (const threads of [1, 3, 4]) {
    expect(ran("relaxed-simd-threads", threads)).toBe(ran("relaxed-simd", 1));
  }
  expect(ran("relaxed-simd-threads", 2)).toBeGreaterThan(3 * ran("relaxed-simd", 1));
  expect(ended.status, ended.stderr).toBe(0);
});
