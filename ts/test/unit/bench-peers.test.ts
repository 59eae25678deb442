/** `convzoo bench --peers` with engines that are not there, are made up, and are the repository's own; and the measured peak. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { parse } from "../../src/cli/args.js";
import { compare, peersTable } from "../../src/cli/bench/compare.js";
import { measurePeak, peakModule } from "../../src/cli/bench/peak.js";
import { installedPeers } from "../../src/cli/bench/peers.js";
import { randomCase } from "../../src/cli/bench/random.js";
import { lower } from "../../src/graph.js";
import { type ZooName, zoo } from "../../src/zoo/index.js";
import { run } from "../cli.js";
import { interpret } from "../interpret.js";

const SETTING = { threads: 1, warmups: 2, runs: 3 };
const silent = { write: () => {} };
const root = fileURLToPath(new URL("../../..", import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "convzoo-peers-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

/** An onnxruntime-node that gives `answer`, or has what stands there instead, and tells each run to `globalThis.turns`. */
function install(answer: string): void {
  const own = join(folder, "node_modules/onnxruntime-node");
  mkdirSync(own, { recursive: true });
  const text = `
    exports.env = { versions: { node: "9.9.9" } };
    exports.Tensor = class {};
    exports.InferenceSession = {
      create: async (bytes, options) => ({
        inputNames: ["x"],
        outputNames: ["y"],
        run: async () => (globalThis.turns.push("fake"), { y: { data: ${answer} } }),
        release: async () => globalThis.turns.push("released " + options.intraOpNumThreads),
      }),
    };`;
  writeFileSync(join(own, "index.js"), text);
}

/** A network beside what is installed, where our answer is 1, -2. */
async function beside(setting = SETTING, name: ZooName = "squeezenet1_1") {
  const turns: string[] = [];
  Object.assign(globalThis, { turns });
  const ours = async () => {
    turns.push("ours");
    return Float32Array.of(1, -2);
  };
  const entry = zoo[name];
  const { peers } = await compare(
    installedPeers(silent, folder),
    entry.build(),
    randomCase(entry),
    ours,
    setting,
  );
  return { turns, result: peers[0]!, table: peersTable([[name, peers]]) };
}

describe("--peers", () => {
  test("computes on the CPU", () => {
    expect(parse(["bench", "--peers"])).toMatchObject({ peers: true, device: "wasm" });
    expect(parse(["bench"])).toMatchObject({ peers: false, device: "auto" });
  });

  test("with no engine installed is refused with what to type, before any network is loaded", async () => {
    vi.spyOn(process, "cwd").mockReturnValue(folder);
    const { code, stderr, loads } = await run("bench --models lenet5 --peers");
    expect(stderr).toMatch(/^convzoo: --peers found no other engine .*\[bad-option\]\n$/);
    expect(stderr).toContain(folder);
    expect(stderr).toContain(
      "`npm install onnxruntime-node onnxruntime-web @tensorflow/tfjs-core @tensorflow/tfjs-backend-wasm`",
    );
    expect({ code, loads }).toEqual({ code: 2, loads: [] });
  });

  test("an engine that is missing is named and left out; --json has what the others took", async () => {
    install("new Float32Array()");
    vi.spyOn(process, "cwd").mockReturnValue(folder);
    Object.assign(globalThis, { turns: [] });
    const { code, stdout, stderr } = await run("bench --models squeezenet1_1 --runs 3 --peers --json");
    expect(stderr.split("\n")).toEqual([
      "convzoo: onnxruntime-web is left out: `npm install onnxruntime-web` adds it.",
      expect.stringMatching(/^convzoo: tfjs-wasm is left out: `npm install @tensorflow\/tfjs-core @tens/),
      "",
    ]);
    // The model that is not there answers nothing, of which nothing is a share.
    const failed = "its answer is another";
    const fake = { engine: "onnxruntime-node", version: "9.9.9", threads: 3, differsBy: null, failed };
    expect(JSON.parse(stdout)[0].peers).toEqual([fake]);
    expect(code).toBe(0);
  });

  test("engines take turns, whose order turns with the rounds", async () => {
    install("Float32Array.of(1, -2.00001)");
    const { turns, result, table } = await beside({ threads: 2, warmups: 2, runs: 6 });
    const [ours, fake] = ["ours", "fake"].map((one) => Array<string>(4).fill(one));
    const rounds = [...ours!, ...fake!, ...fake!, ...ours!];
    expect(turns).toEqual(["ours", "fake", "fake", ...rounds, "released 2"]);
    expect(result).toMatchObject({ engine: "onnxruntime-node", version: "9.9.9", threads: 2 });
    expect(result.differsBy).toBeCloseTo(5e-6, 7);
    expect(result.timesOurs).toBeGreaterThan(0);
    expect(table.split("\n")[1]).toMatch(
      /^squeezenet1_1 +onnxruntime-node 9\.9\.9 +2 +[\d.]+ +[\d.]+ +[\d.]+ +5\.0e-6$/,
    );
  });

  test.each(["Float32Array.of(1, -2.0001)", "Float32Array.of(1)", "Float32Array.of(NaN, -2)"])(
    "the answer %s voids the row",
    async (answer) => {
      install(answer);
      const { turns, result, table } = await beside();
      expect(turns.slice(0, 3)).toEqual(["ours", "fake", "ours"]);
      expect(turns.at(-1)).toBe("released 1");
      expect(result).toMatchObject({ failed: "its answer is another" });
      expect(table.split("\n")[1]).toMatch(/ 1 +void +void +void +(5\.0e-5|NaN)$/);
    },
  );

  test("an engine that fails, or has no form of an operator, says so by name", async () => {
    install('(() => { throw new Error("no room\\nat all"); })()');
    expect((await beside()).table).toContain("onnxruntime-node does not run squeezenet1_1: no room.\n");
    const { turns, table } = await beside(SETTING, "mobilenet_v3_small");
    expect(table).toContain("onnxruntime-node does not run mobilenet_v3_small: no ONNX form of hardswish");
    expect(table.split("\n")[1]).toMatch(/^mobilenet_v3_small +onnxruntime-node( +-){5}$/);
    // Ours is timed all the same.
    expect(turns).toEqual(["ours", ...Array<string>(4).fill("ours")]);
  });

  const require = createRequire(join(root, "package.json"));
  const isThere = (name: string): boolean => {
    try {
      return Boolean(require.resolve(name));
    } catch {
      return false;
    }
  };
  const absent = ["onnxruntime-web", "@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-wasm"].filter(
    (name) => !isThere(name),
  );
  const why = absent.length ? `; skipped without ${absent.join(", ")}, which npm ci installs` : "";
  const networks = [
    ["resnet18", 32],
    ["mnasnet0_5", 64],
    ["squeezenet1_1", 64],
  ] as const;
  test.skipIf(absent.length).each(networks)(
    `onnxruntime-web and tfjs compute %s as its graph means it${why}`,
    async (name, side) => {
      const entry = { ...zoo[name], input: [3, side, side] } as const;
      const given = randomCase(entry);
      const graph = lower(entry.build());
      const answer = Float32Array.from(interpret(graph, given.input, given.weights)[graph.output]!);
      const installed = installedPeers(silent, root);
      const { peers } = await compare(installed, entry.build(), given, async () => answer, SETTING);
      expect(peers.map(({ engine, failed }) => ({ engine, failed }))).toEqual(
        ["onnxruntime-web", "tfjs-wasm"].map((engine) => ({ engine, failed: undefined })),
      );
      for (const { differsBy, medianMs, bestMs } of peers) {
        expect(differsBy).toBeGreaterThan(0);
        expect(medianMs).toBeGreaterThanOrEqual(bestMs!);
      }
    },
    60_000,
  );
});

describe("the peak", () => {
  const hasRelaxed = WebAssembly.validate(peakModule(true));
  const kinds = [false, true];
  const runs = (relaxed: boolean) => hasRelaxed || !relaxed;
  const why = hasRelaxed ? "" : "; relaxed: skipped, this Node has no relaxed SIMD";

  test("Node has relaxed SIMD from version 21 on", () => {
    expect(hasRelaxed).toBe(Number(process.versions.node.split(".")[0]) >= 21);
  });

  test.each(kinds.filter(runs))(`relaxed: %s: its module adds up what it multiplies${why}`, (relaxed) => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(peakModule(relaxed)));
    const sums = [1, 2, 3].map((loops) => (exports.run as (loops: number) => number)(loops));
    // Thirteen sums, each of which is halved and gains a quarter in each loop.
    expect(sums).toEqual([0.25, 0.375, 0.4375].map((sum) => 13 * sum));
  });

  test.each(kinds.filter(runs))(`relaxed: %s: is a processor's${why}`, (relaxed) => {
    const gflops = measurePeak(relaxed);
    expect(gflops).toBeGreaterThan(1);
    expect(gflops).toBeLessThan(400);
  });
});
