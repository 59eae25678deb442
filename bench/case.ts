/** What every engine is given: a net, weights made from the golden recipe, one input; and how it is timed. */
import { stateShapes } from "../ts/src/state.js";
import { type ZooName, zoo } from "../ts/src/zoo/index.js";
import { fill, fillInput } from "../ts/test/recipe.js";

export interface Settings {
  readonly model: ZooName;
  readonly threads: number;
  /** Runs before the timed ones. */
  readonly warmups: number;
  readonly runs: number;
}

/** What an engine prints: each run's milliseconds, and its answer, by which it is judged first. */
export interface Report {
  readonly engine: string;
  readonly version: string;
  readonly how: string;
  readonly loadMs: number;
  readonly ms: readonly number[];
  readonly output: readonly number[];
}

export function makeCase(model: ZooName) {
  const entry = zoo[model];
  const net = entry.build();
  const weights = new Map(
    [...stateShapes(net)].map(([key, { shape }]) => [key, fill(key, shape, 1)] as const),
  );
  return { net, weights, input: fillInput([1, ...entry.input], 7) };
}

/** Loads, warms up, times each run by itself, and prints the report. The engine is a function from here on. */
export async function measure(
  settings: Settings,
  start: (made: ReturnType<typeof makeCase>) => Promise<{
    engine: string;
    version: string;
    how: string;
    run: () => Promise<Float32Array>;
    end?: () => void;
  }>,
): Promise<void> {
  const made = makeCase(settings.model);
  const begin = performance.now();
  const { run, end, ...names } = await start(made);
  const loadMs = performance.now() - begin;
  let output = await run();
  for (let i = 1; i < settings.warmups; i++) output = await run();
  const ms: number[] = [];
  for (let i = 0; i < settings.runs; i++) {
    const before = performance.now();
    output = await run();
    ms.push(performance.now() - before);
  }
  end?.();
  process.stdout.write(JSON.stringify({ ...names, loadMs, ms, output: [...output] } satisfies Report));
}

export const settings = (): Settings => JSON.parse(process.argv[2]!) as Settings;
