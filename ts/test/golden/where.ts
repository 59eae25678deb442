/** Where each golden file runs: the one table of what the golden suite takes its time for. */
import { freemem } from "node:os";
import type { Flavour } from "../../src/platform.js";

/**
 * On every build of the core, with 1, 2, 3 and 4 threads: small networks that together take every operator and every algorithm
 * of the zoo, which algorithms.test.ts holds.
 */
export const EVERYWHERE: readonly string[] = [
  "convnext_tiny",
  "efficientnet_b0",
  "mobilenet_v2",
  "mobilenet_v3_small",
  "ref_densenet_40_12",
  "ref_googlenet_lrn",
  "ref_highway10_mnist",
  "ref_inception_resnet_v1_139x171_b2",
  "ref_lenet5",
  "ref_lenet5_b4",
  "ref_mcdnn_cifar10",
  "ref_nasnetamobile",
  "ref_prelu_net_a",
  "ref_resnet20_cifar",
  "regnet_y_400mf",
  "resnet18",
  "shufflenet_v2_x1_0",
  "squeezenet1_1",
  "squeezenet1_1_17x17_s8",
  "squeezenet1_1_97x131_b3_s2",
];

/** So large that once is enough, on the build that is the fastest of all. Every other golden runs on the best of a Node. */
const ONCE: readonly string[] = [
  "efficientnet_b7",
  "ref_amoebanet_a",
  "ref_amoebanet_b_gpipe_160x160",
  "ref_overfeat_accurate",
  "ref_wrn_28_10",
  "timm_legacy_senet154",
  "timm_nasnetalarge",
  "timm_pnasnet5large",
  "vgg19_bn",
];

/** In quick mode these alone, on the best build. */
const QUICKLY: readonly string[] = [
  "mobilenet_v3_small",
  "ref_densenet_40_12",
  "ref_lenet5",
  "ref_lenet5_b4",
  "ref_mcdnn_cifar10",
  "resnet18",
  "squeezenet1_1",
  "squeezenet1_1_17x17_s8",
];

/** What a network needs beyond what any machine has: its weights as they are, and packed. */
const GIB: Readonly<Record<string, number>> = { ref_amoebanet_b_gpipe_160x160: 6 };

/** Every golden that this table names. */
export const goldenNames: readonly string[] = [...EVERYWHERE, ...ONCE, ...QUICKLY];

/** The builds and numbers of threads for a golden; `builds` are those that this Node runs, the best last. */
export function combinations(
  name: string,
  builds: readonly Flavour[],
  quick: boolean,
): readonly (readonly [core: Flavour, threads: number])[] {
  const best = builds.at(-1)!;
  const wanted = quick ? [best] : builds;
  if (quick ? QUICKLY.includes(name) : EVERYWHERE.includes(name)) {
    return wanted.flatMap((core) =>
      (core.endsWith("-threads") ? [1, 2, 3, 4] : [1]).map((n) => [core, n] as const),
    );
  }
  if (quick || (ONCE.includes(name) && best !== "relaxed-simd-threads")) return [];
  return [[best, 2]];
}

/** Score maps that run on every build: every way to make one, on networks that are small. */
const DENSE_EVERYWHERE: readonly string[] = [
  "alexnet_fine_256x320",
  "ref_lenet5_linear_64x100",
  "ref_nin_imagenet_window_288x320",
  "resnet18_cell_320x384",
];

/** In quick mode these alone, on the best build. */
const DENSE_QUICKLY: readonly string[] = ["ref_lenet5_linear_64x100", "resnet18_window_320x384"];

/**
 * Networks that are held, made convolutional, to their golden at the native size: one of each way to end, and of each kind of
 * layer that only some have.
 */
const NATIVELY: readonly string[] = [
  "convnext_tiny",
  "efficientnet_b0",
  "googlenet",
  "inception_v3",
  "ref_densenet_40_12",
  "ref_googlenet_lrn",
  "ref_highway10_mnist",
  "ref_lenet5",
  "ref_mcdnn_cifar10",
  "ref_nasnetamobile",
  "ref_nin_cifar10",
  "ref_resnet20_cifar",
  "shufflenet_v2_x1_0",
  "squeezenet1_1",
];

/** The goldens of {@link NATIVELY}, in quick mode the small ones of them. */
export const natively = (quick: boolean): readonly string[] =>
  NATIVELY.filter((name) => !quick || QUICKLY.includes(name));

/** Every score map that this table names. */
export const denseNames: readonly string[] = [...DENSE_EVERYWHERE, ...DENSE_QUICKLY];

/** The builds for a score map, and how many threads on each. */
export function denseCombinations(
  name: string,
  builds: readonly Flavour[],
  quick: boolean,
): readonly (readonly [core: Flavour, threads: number])[] {
  if (quick && !DENSE_QUICKLY.includes(name)) return [];
  const wanted = !quick && DENSE_EVERYWHERE.includes(name) ? builds : builds.slice(-1);
  return wanted.map((core) => [core, core.endsWith("-threads") ? 2 : 1] as const);
}

/** Why a golden cannot run on this machine now, if so. */
export function lacking(name: string): string | undefined {
  const needed = GIB[name] ?? 0;
  const free = freemem() / 2 ** 30;
  return free < needed ? `${name} takes ${needed} GiB of free memory` : undefined;
}
