/** The checkpoints that torchvision registers, as rows of our zoo. `scripts/make_registry.py` makes the JSON. */
import type { PreprocessOptions } from "../image/preprocess.js";
import type { Checkpoint } from "./row.js";
import registry from "./torchvision.json";

type Cells = readonly [
  file: string,
  mib: number,
  top1: number,
  top5: number,
  preset: number,
  licence?: string,
];

interface Registry {
  readonly base: string;
  readonly presets: readonly PreprocessOptions[];
  readonly weights: Readonly<Record<string, Readonly<Record<string, Cells>>>>;
}

/** Networks whose published weights were trained on images normalised otherwise, which the builders undo when told. */
const TRANSFORMED: readonly string[] = ["googlenet", "inception_v3"];

const NOTE =
  "torchvision's. It states no licence for these weights; its code is BSD-3-Clause, and ImageNet's terms may apply.";
const NOTE_SWAG = "torchvision's, trained by Meta (SWAG); not for commercial use.";

/** torchvision's checkpoints of a network, its default first. One whose name is taken already gets "torchvision_" before it. */
export function torchvisionWeights(
  name: string,
  taken: Readonly<Record<string, Checkpoint>> = {},
): Record<string, Checkpoint> {
  const { base, presets, weights: all } = registry as unknown as Registry;
  const rows = Object.entries(all[name] ?? {}).map(([weights, cells]) => {
    const [file, mib, top1, top5, preset, licence] = cells;
    const checkpoint: Checkpoint = {
      url: () => base + file,
      bytes: Math.round(mib * 2 ** 20),
      sha256: /-([0-9a-f]+)\.pth$/.exec(file)![1]!,
      licence: licence ?? "NOASSERTION",
      preprocess: presets[preset]!,
      labels: "imagenet1k",
      metrics: { top1, top5 },
      note: licence ? NOTE_SWAG : NOTE,
      ...(TRANSFORMED.includes(name) && { options: { transformInput: true } }),
    };
    return [Object.hasOwn(taken, weights) ? `torchvision_${weights}` : weights, checkpoint] as const;
  });
  return Object.fromEntries(rows);
}
