/** Other engines beside convzoo on the same network, weights and input. */
import { lower } from "../../graph.js";
import type { Net } from "../../layers.js";
import { shapesOf } from "../../shape.js";
import { table } from "../format.js";
import type { Task } from "./engine.js";
import { fold } from "./fold.js";
import { toOnnx } from "./onnx.js";
import type { Installed, Running } from "./peers.js";
import type { RandomCase } from "./random.js";
import { toTfjs } from "./tfjs.js";
import { median, times } from "./times.js";

/** One engine on one network, as `--json` prints it. */
export interface PeerResult {
  readonly engine: string;
  readonly version?: string;
  readonly threads?: number;
  readonly medianMs?: number;
  readonly bestMs?: number;
  /** The median of the rounds' ratios: above 1, convzoo is faster. */
  readonly timesOurs?: number;
  /** The largest difference of its first answer from convzoo's, as a share of convzoo's largest number. */
  readonly differsBy?: number;
  /** Why there are no times. */
  readonly failed?: string;
}

/** An answer further from ours than this is another network's. */
const TOLERANCE = 1e-5;
/** That are timed in a round, after one that is not: others ran since the last round. */
const RUNS = 3;

/** How an engine is opened and timed. */
export interface Setting extends Pick<Task, "threads"> {
  /** Runs before the timed ones, the first included. */
  readonly warmups: number;
  /** Of each engine; to be cut into rounds. */
  readonly runs: number;
}

/**
 * Opens the engines, holds their first answers against ours, and lets all that are right run in turns. Gives the milliseconds of our
 * runs, and a result for each engine: one that cannot run the network, or runs another, says so in its place.
 */
export async function compare(
  { load, peers }: Installed,
  net: Net,
  { weights, input }: RandomCase,
  ours: () => Promise<Float32Array>,
  { threads, warmups, runs }: Setting,
): Promise<{ readonly ours: readonly number[]; readonly peers: readonly PeerResult[] }> {
  const expected = (await ours()).slice();
  const graph = lower(net);
  const write = {
    onnx: () => toOnnx(graph, weights, input.shape),
    tfjs: () => toTfjs(fold(graph, shapesOf(graph, input.shape.slice(1)), weights)),
  };
  const opened: Opened[] = [];
  try {
    for (const peer of peers) {
      const start = () => {
        const bytes = write[peer.file]() as Uint8Array<ArrayBuffer>;
        return peer.start(load, { input: input.shape, pixels: input.data, bytes, threads });
      };
      opened.push(await open(peer.engine, start, expected, warmups));
    }
    const right = opened.filter(({ result }) => !result.failed);
    const turns = [ours, ...right.map(({ running }) => running!.run)];
    const [own, ...others] = await inTurns(turns, Math.ceil(runs / RUNS));
    for (const [i, one] of right.entries()) {
      const [rounds, ms] = [others[i]!, others[i]!.flat()];
      // What counts is the ratio within a round, for a machine's speed drifts.
      const timesOurs = median(rounds.map((round, at) => median(round) / median(own![at]!)));
      one.result = { ...one.result, medianMs: median(ms), bestMs: Math.min(...ms), timesOurs };
    }
    return { ours: own!.flat(), peers: opened.map(({ result }) => result) };
  } finally {
    for (const { running } of opened) await running?.end?.();
  }
}

interface Opened {
  readonly running?: Running;
  result: PeerResult;
}

async function open(
  engine: string,
  start: () => Promise<Running>,
  expected: Float32Array,
  warmups: number,
): Promise<Opened> {
  let running: Running | undefined;
  try {
    running = await start();
    const { version, threads, run } = running;
    const differsBy = difference(await run(), expected);
    const result = { engine, version, threads, differsBy };
    if (!(differsBy <= TOLERANCE)) return { running, result: { ...result, failed: "its answer is another" } };
    for (let i = 1; i < warmups; i++) await run();
    return { running, result };
  } catch (error) {
    const [failed] = (error instanceof Error ? error.message : String(error)).split("\n");
    return { running, result: { engine, failed } };
  }
}

/** Milliseconds by engine and round. */
async function inTurns(engines: readonly (() => Promise<unknown>)[], rounds: number): Promise<number[][][]> {
  const all = engines.map((): number[][] => []);
  for (let round = 0; round < rounds; round++)
    // The order turns with the rounds, so that none always runs on the machine that another has warmed.
    for (let i = 0; i < engines.length; i++) {
      const at = (i + round) % engines.length;
      await engines[at]!();
      all[at]!.push(await times(engines[at]!, RUNS));
    }
  return all;
}

function difference(theirs: Float32Array, ours: Float32Array): number {
  if (theirs.length !== ours.length) return Number.NaN;
  let [off, largest] = [0, 0];
  for (const [i, value] of ours.entries()) {
    off = Math.max(off, Math.abs(theirs[i]! - value));
    largest = Math.max(largest, Math.abs(value));
  }
  return off / largest;
}

const HEAD = ["model", "engine", "threads", "median ms", "best ms", "times ours", "differs by"];
const NUMBERS = HEAD.map((_, column) => column > 1);

/** Rows [network, its engines' results]; below them what could not be run. */
export function peersTable(all: readonly (readonly [string, readonly PeerResult[]])[]): string {
  const rows = all.flatMap(([model, peers]) => peers.map((peer) => [model, ...cells(peer)]));
  const failed = all.flatMap(([model, peers]) =>
    peers.flatMap(({ engine, failed, differsBy }) =>
      failed && differsBy === undefined ? `${engine} does not run ${model}: ${failed}.\n` : [],
    ),
  );
  const note = `
times ours: in each round the engine's time over convzoo's, the median of the rounds; above 1, convzoo is faster.
void: the answer is off by more than ${TOLERANCE.toExponential()} of convzoo's largest number.
`;
  return `${table([HEAD, ...rows], NUMBERS)}${note}${failed.join("")}`;
}

function cells({ engine, version, threads, differsBy, ...peer }: PeerResult): string[] {
  const none = differsBy === undefined ? "-" : "void";
  const [ms, best, ratio] = [peer.medianMs, peer.bestMs, peer.timesOurs].map((n) => n?.toFixed(2) ?? none);
  const name = version === undefined ? engine : `${engine} ${version}`;
  return [name, String(threads ?? "-"), ms!, best!, ratio!, differsBy?.toExponential(1) ?? "-"];
}
