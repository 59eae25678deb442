/** From what the engines measured to the rows of the table. */
import { median } from "../ts/src/cli/bench/times.js";
import type { Opened } from "./engine.js";

/** One engine on one model: what it said, and its milliseconds, a list a round. */
export interface Measured {
  readonly model: string;
  readonly engine: string;
  /** "chromium", "node" or "native". */
  readonly runtime: string;
  readonly opened: Opened;
  readonly rounds: readonly (readonly number[])[];
  readonly peakMiB: number;
  /** How far its answer is from PyTorch's; see case.ts. */
  readonly difference: number;
  /** For each round, the milliseconds that the machine allows; NaN where convzoo, which says what must be done, is not run. */
  readonly roofline: readonly number[];
}

/** An answer further from PyTorch's than this, as a share of its largest number, is wrong. */
const TOLERANCE = 1e-5;

export interface Row {
  readonly model: string;
  readonly engine: string;
  readonly runtime: string;
  readonly ms: number | "void";
  readonly best: number | "void";
  readonly "times ours": number | "void" | "-";
  readonly "roofline %": number | "void" | "-";
  readonly "first ms": number;
  readonly "load ms": number;
  readonly "peak MiB": number;
  readonly "differs by": string;
  readonly how: string;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

const wrong = ({ difference }: Measured): boolean => !(difference <= TOLERANCE);

/** The rows of one model, held against the engine `ours`. What counts is the ratio within a round, for a machine's speed drifts. */
export function rowsOf(all: readonly Measured[], ours: string): Row[] {
  /** Ours in the same runtime; a native engine is held against ours in the first. */
  const oursFor = ({ runtime }: Measured): Measured | undefined => {
    const rows = all.filter(({ engine }) => engine === ours);
    return rows.find((one) => one.runtime === runtime) ?? (runtime === "native" ? rows[0] : undefined);
  };
  return all.map((one): Row => {
    const beside = oursFor(one);
    const ratios = beside && one.rounds.map((ms, i) => median(ms) / median(beside.rounds[i]!));
    const shares = one.rounds.map((ms, i) => (100 * one.roofline[i]!) / median(ms));
    const isVoid = wrong(one);
    return {
      model: one.model,
      engine: `${one.engine} ${one.opened.version}`,
      runtime: one.runtime,
      ms: isVoid ? "void" : round(median(one.rounds.flat()), 2),
      best: isVoid ? "void" : round(Math.min(...one.rounds.flat()), 2),
      "times ours": !ratios ? "-" : isVoid || wrong(beside) ? "void" : round(median(ratios), 3),
      "roofline %": isVoid ? "void" : shares.some(Number.isNaN) ? "-" : round(median(shares), 0),
      "first ms": round(one.opened.firstMs, 0),
      "load ms": round(one.opened.loadMs, 0),
      "peak MiB": round(one.peakMiB, 0),
      "differs by": one.difference.toExponential(1),
      how: one.opened.how,
    };
  });
}

/** The geometric mean of an engine's "times ours" over the models, and how many they are. */
export function summary(rows: readonly Row[]): object[] {
  const names = new Set(rows.map(({ engine, runtime }) => `${engine}, ${runtime}`));
  return [...names].flatMap((name) => {
    const ratios = rows
      .filter(({ engine, runtime }) => name === `${engine}, ${runtime}`)
      .flatMap((row) => (typeof row["times ours"] === "number" ? [row["times ours"]] : []));
    const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
    return ratios.length
      ? { engine: name, "times ours, geometric mean": round(mean, 2), models: ratios.length }
      : [];
  });
}
