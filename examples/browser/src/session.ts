/** From a choice to a loaded model, from a picture to an answer. */
import { type LoadOptions, load, type Progress, zoo } from "convzoo";
import { latest } from "./latest.js";
import { clearProblem } from "./problem.js";
import {
  answer,
  type Choice,
  choice,
  device,
  type Loaded,
  loaded,
  type Picture,
  picture,
  signal,
  threads,
  took,
} from "./state.js";

/** How far a network is on its way; undefined when none is. */
export const progress = signal<Progress | undefined>(undefined);

/** The classes of CIFAR-10, in the order of its labels, which checkpoints do not hold. */
const CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

function optionsOf({ name, weights, options }: Choice): LoadOptions {
  const isCifar = zoo[name].input[1] === 32 && /cifar|wrn/.test(name) && options?.classes === undefined;
  return {
    weights,
    threads: threads.value,
    device: device.value as LoadOptions["device"],
    labels: isCifar ? CIFAR10 : undefined,
  };
}

const loadLatest = latest(async (signal, wanted: Choice) => {
  progress.set({ phase: "download", loaded: 0 });
  try {
    const net = wanted.options ? zoo[wanted.name].build(wanted.options) : wanted.name;
    const model = await load(net, { ...optionsOf(wanted), signal, onProgress: progress.set });
    const before = loaded.value;
    clearProblem();
    loaded.set({ choice: wanted, entry: zoo[wanted.name], model });
    before?.model.dispose();
  } catch (error) {
    // The network that is there stays; the choice goes back to it.
    if (loaded.value && !signal.aborted) choice.set(loaded.value.choice);
    throw error;
  } finally {
    progress.set(undefined);
  }
});

/** The last model that has run before. */
let warm: Loaded | undefined;

const classifyLatest = latest(
  async (signal, seen: Picture) => {
    const by = loaded.value;
    if (!by) return;
    const start = performance.now();
    const input = await by.model.prepare(seen.centred ?? seen.source, { signal });
    const prepared = performance.now();
    const scores = await by.model.run(input, { signal });
    const runMs = performance.now() - prepared;
    const [top = []] = await by.model.rank(scores);
    // The model may have been replaced meanwhile; its successor answers then.
    if (by !== loaded.value) return;
    // What went wrong while a camera runs stays to be read.
    if (!seen.live) clearProblem();
    answer.set({ picture: seen, loaded: by, top, input });
    took.set({ prepareMs: prepared - start, runMs });
    // The first run plans; what the network takes is seen with the next.
    if (warm === by) return;
    warm = by;
    const again = performance.now();
    await by.model.run(input, { signal });
    took.set({ prepareMs: prepared - start, runMs: performance.now() - again });
  },
  (seen) => !seen.live,
);

/** Connects the signals, and starts with what is chosen. */
export function startSession(): void {
  const reload = () => loadLatest(choice.value);
  const classify = () => picture.value && classifyLatest(picture.value);
  choice.on((wanted) => wanted !== loaded.value?.choice && reload());
  threads.on(reload);
  device.on(reload);
  loaded.on(classify);
  picture.on(classify);
  reload();
}
