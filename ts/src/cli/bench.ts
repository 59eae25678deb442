/** `convzoo bench`: how fast are the networks here? */
import type { StepTiming, Tuning } from "../backend/protocol.js";
import type { LoadOptions } from "../load.js";
import { findEntry, type ZooName } from "../zoo/index.js";
import type { ZooEntry } from "../zoo/row.js";
import type { PeerResult } from "./bench/compare.js";
import { measurePeak } from "./bench/peak.js";
import { gflops, profileTable } from "./bench/profile.js";
import { randomCase } from "./bench/random.js";
import { median, since, times } from "./bench/times.js";
import { table } from "./format.js";
import type { Io } from "./io.js";

/** What `bench` was asked for. */
export interface BenchRequest {
  readonly models: readonly string[];
  readonly device: NonNullable<LoadOptions["device"]>;
  readonly threads?: number;
  /** How many runs are timed. */
  readonly runs: number;
  /** Whether to find the fastest algorithm of each convolution first. */
  readonly tune: boolean;
  /** Whether to time each layer too. */
  readonly profile: boolean;
  /** Whether to time other engines beside it; on the CPU. */
  readonly peers: boolean;
  readonly json: boolean;
}

/** A network's result, as `--json` prints it. */
interface Result {
  readonly model: string;
  readonly input: readonly number[];
  readonly device: string;
  readonly core: string;
  readonly threads: number;
  /** From weights in memory to a model that can run; with `--tune`, the tuning too. */
  readonly loadMs: number;
  readonly firstMs: number;
  readonly medianMs: number;
  readonly bestMs: number;
  /** Of the network's definition, for one input. */
  readonly macs: number;
  /** Bytes. */
  readonly memory: { readonly weights: number; readonly maps: number };
  readonly tuning?: Tuning;
  readonly steps?: readonly StepTiming[];
  /** With `steps`: what as many threads can multiply and add here. Of a GPU nothing is known. */
  readonly peakGflops?: number;
  readonly peers?: readonly PeerResult[];
}

/** Runs before the timed ones, the first not counted: engines compile what runs often once more, better. */
const WARMUPS = 8;

/**
 * Times each network with random weights. Throws what `load` throws, and before any network runs `unknown-model`, or `bad-option` where
 * other engines are wanted and none is installed.
 */
export async function bench(asked: BenchRequest, io: Io): Promise<number> {
  const networks = asked.models.map((model) => ({ model, entry: findEntry(model) }));
  const beside = asked.peers ? await otherEngines(io) : undefined;
  const results: Result[] = [];
  const status = (text: string) => io.stderr.isTTY && io.stderr.write(`\r\x1b[K${text}`);
  try {
    for (const { model, entry } of networks) {
      status(`timing ${model}`);
      results.push(await time(model, entry, asked, beside, io));
    }
  } finally {
    status("");
  }
  if (asked.json) io.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  else {
    const compared = results.map(({ model, peers = [] }) => [model, peers] as const);
    io.stdout.write(report(results) + (beside ? `\n${beside.peersTable(compared)}` : ""));
  }
  return 0;
}

/** Their part is large, and loaded for who asks for it alone. */
async function otherEngines(io: Io) {
  const [{ installedPeers }, { compare, peersTable }] = await Promise.all([
    import("./bench/peers.js"),
    import("./bench/compare.js"),
  ]);
  return { installed: installedPeers(io.stderr), compare, peersTable };
}

async function time(
  name: string,
  entry: ZooEntry,
  asked: BenchRequest,
  beside: Awaited<ReturnType<typeof otherEngines>> | undefined,
  io: Io,
): Promise<Result> {
  const { device, threads, tune, runs } = asked;
  const given = randomCase(entry);
  const { weights, input } = given;
  const start = performance.now();
  const model = await io.load(name as ZooName, { weights, device, threads, tune });
  try {
    const loadMs = since(start);
    const run = async () => (await model.run(input)).data;
    const [firstMs] = await times(run, 1);
    await times(run, WARMUPS);
    const setting = { threads: model.threads, warmups: 1 + WARMUPS, runs };
    const compared = await beside?.compare(beside.installed, entry.build(), given, run, setting);
    const ms = compared?.ours ?? (await times(run, runs));
    const steps = asked.profile ? await model.profile(input) : undefined;
    const hasPeak = steps && model.device === "wasm";
    return {
      model: name,
      input: input.shape,
      device: model.device,
      core: model.core,
      threads: model.threads,
      loadMs,
      firstMs: firstMs!,
      medianMs: median(ms),
      bestMs: Math.min(...ms),
      macs: entry.macs,
      memory: await model.memory(),
      tuning: model.tuning,
      steps,
      peakGflops: hasPeak ? model.threads * measurePeak(model.core.startsWith("relaxed-simd")) : undefined,
      peers: compared?.peers,
    };
  } finally {
    model.dispose();
  }
}

const HEAD = [
  ...["model", "core", "threads", "load ms", "first ms", "median ms", "best ms"],
  ...["GMAC", "GFLOPS", "weights MiB", "maps MiB"],
];
const NUMBERS = HEAD.map((_, column) => column > 1);
const NOTES = `
GFLOPS: 2 x GMAC / median, by the network's definition; Winograd's algorithms compute less and so can pass the machine's peak.
`;

function report(results: readonly Result[]): string {
  const rows = results.map(({ model, core, threads, memory, macs, medianMs, ...ms }) => [
    model,
    core,
    String(threads),
    ms.loadMs.toFixed(0),
    ms.firstMs.toFixed(1),
    medianMs.toFixed(2),
    ms.bestMs.toFixed(2),
    (macs / 1e9).toFixed(2),
    gflops(macs, medianMs).toFixed(1),
    (memory.weights / 2 ** 20).toFixed(1),
    (memory.maps / 2 ** 20).toFixed(1),
  ]);
  const profiles = results.map(({ model, steps, peakGflops }) =>
    steps ? `${profileTable(model, steps, peakGflops)}\n` : "",
  );
  return profiles.join("") + table([HEAD, ...rows], NUMBERS) + NOTES;
}
