/** A parser or an endpoint, fed with damaged inputs: each is taken or refused as it should be, in time and within memory. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isConvzooError } from "../../src/errors.js";
import { numbers, type Random } from "./mutate.js";

export interface Target {
  readonly name: string;
  /** Inputs that `npm test` tries. */
  readonly few: number;
  /** The least share of them that is taken, and that is refused: else the damage is too small or too great to tell anything. */
  readonly share?: number;
  /** MiB that the process may have more, with a decoder's memory, what it gave, and what awaits collection. */
  readonly mostMib?: number;
  /** Whether all that it begins with is refused already. */
  readonly isHostile?: boolean;
  /** An input of random damage. */
  make(random: Random): Uint8Array<ArrayBuffer>;
  /**
   * Takes an input, and throws where what it gives is not sound; or refuses it. A ConvzooError thrown is a refusal, any other
   * error a finding.
   */
  take(input: Uint8Array<ArrayBuffer>): Promise<"taken" | "refused">;
}

export interface Outcome {
  inputs: number;
  taken: number;
  refused: number;
  /** Milliseconds. */
  slowest: number;
  /** MiB beyond what the process had at first. */
  largest: number;
}

/** An input that did what none should. */
export class Finding extends Error {}

/** In the long run, generously: an input of some KiB takes a millisecond. */
const SLOWEST_MS = 1000;
/** Where findings are kept. */
const folder = fileURLToPath(new URL("../../../build/fuzz/", import.meta.url));

/** One input, from a seed. */
export const inputOf = (target: Target, seed: number): Uint8Array<ArrayBuffer> => target.make(numbers(seed));

/** Takes one input, and gives what became of it. Throws what is wrong with that. */
export async function tryOne(target: Target, input: Uint8Array<ArrayBuffer>): Promise<"taken" | "refused"> {
  const names = Object.getOwnPropertyNames(Object.prototype).length;
  // Readers may keep views of what they were given; what is kept as a finding must be what they got.
  const became = await target.take(input.slice()).catch((error: unknown) => {
    if (isConvzooError(error) && error.message.length > 10) return "refused" as const;
    throw error;
  });
  if (Object.getOwnPropertyNames(Object.prototype).length > names)
    throw new Error("every object has a property more");
  return became;
}

/** Tries inputs from seeds that count up from `seed`, until `more` says no. Throws a {@link Finding}, whose input is in a file. */
export async function fuzz(
  target: Target,
  seed: number,
  more: (inputs: number) => boolean,
): Promise<Outcome> {
  const outcome: Outcome = { inputs: 0, taken: 0, refused: 0, slowest: 0, largest: 0 };
  const before = process.memoryUsage.rss();
  for (; more(outcome.inputs); outcome.inputs++) {
    const input = inputOf(target, seed + outcome.inputs);
    const start = performance.now();
    const found = (why: string, cause?: unknown): never => {
      const file = join(folder, `${target.name}-${seed + outcome.inputs}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(file, input);
      const again = `npm run fuzz -- --target ${target.name} --input ${file}`;
      throw new Finding(`${target.name}, seed ${seed + outcome.inputs}: ${why}\nagain: ${again}`, { cause });
    };
    try {
      outcome[await tryOne(target, input)]++;
    } catch (error) {
      found(error instanceof Error ? (error.stack ?? error.message) : String(error), error);
    }
    const ms = performance.now() - start;
    outcome.slowest = Math.max(outcome.slowest, ms);
    outcome.largest = Math.max(outcome.largest, (process.memoryUsage.rss() - before) / 2 ** 20);
    if (ms > SLOWEST_MS) found(`it took ${ms.toFixed()} ms`);
    if (outcome.largest > (target.mostMib ?? 512))
      found(`the process has ${outcome.largest.toFixed()} MiB more`);
  }
  return outcome;
}
