/** The network slid over the whole picture, for the heat map and for the windows. */
import { convolutionize, type Net, type ScoreMap } from "convzoo";
import { latest } from "./latest.js";
import { type Answer, answer, scale, shown, signal } from "./state.js";

/** A map, and what it took. */
export interface Scanned {
  readonly of: Answer;
  readonly kind: "heat" | "windows";
  readonly map: ScoreMap;
  readonly ms: number;
  /** Height and width of the picture as the network saw it. */
  readonly size: readonly [height: number, width: number];
}

export const scanned = signal<Scanned | undefined>(undefined);

/** The size at which the picture is seen: its shorter side as a multiple of the network's own input. */
export function scannedSize({ picture, loaded }: Answer): {
  factor: number;
  size: readonly [number, number];
} {
  const { height, width } = picture;
  const [, rows, columns] = loaded.entry.input;
  const factor = (scale.value * Math.max(rows, columns)) / Math.min(height, width);
  return { factor, size: [Math.round(factor * height), Math.round(factor * width)] };
}

/** A heat map is sharpest with a score at every cell; a window's score is what the classifier says of that window. */
const POOLING = { heat: "cell", windows: "window" } as const;

const scan = latest(
  async (signal, of: Answer, kind: Scanned["kind"]) => {
    const { factor, size } = scannedSize(of);
    const start = performance.now();
    const options = { scales: [factor], pooling: POOLING[kind], signal };
    const map = await of.loaded.model.dense(of.picture.source, options);
    const ms = performance.now() - start;
    if (shown.value === kind && of.loaded === answer.value?.loaded) scanned.set({ of, kind, map, ms, size });
  },
  (of) => !of.picture.live,
);

/** The network's fully convolutional form, as `model.dense` runs it for the windows. */
export function convolutional({ loaded }: Answer): Net {
  return convolutionize(loaded.model.net, loaded.entry.input, { pooling: "window" });
}

/** Scans when the picture, the network, the size or what is shown changes. */
export function startDense(): void {
  const again = () => {
    const kind = shown.value;
    if (kind === "picture") return scanned.set(undefined);
    if (answer.value) scan(answer.value, kind);
  };
  answer.on(again);
  scale.on(again);
  shown.on(again);
}
