/** What networks of the zoo ask of a GPU, by their recordings: no GPU is needed for it. */
import { readFileSync } from "node:fs";
import { GpuCore, initSync } from "../../build/core/webgpu/core.js";
import type { RecordedStep, Recording } from "../src/backend/webgpu/recording.js";
import { LEAST } from "../src/backend/webgpu/summary.js";
import { lower } from "../src/graph.js";
import { type ZooName, zoo } from "../src/zoo/index.js";
import { refusals } from "./gpu-limits.js";

/** One image's run. Bytes, and numbers of products. */
export interface Figures {
  readonly dispatches: number;
  /** What kernels read and write, and what such a network must read and write at least. */
  readonly moved: number;
  readonly least: number;
  /** Multiply-adds as the layers' definitions count them, those of the algorithms, and those that tiles have beyond the map's edges too. */
  readonly macs: number;
  readonly products: number;
  readonly computed: number;
  /** Buffers for maps, and what is alive of them together where that is most. */
  readonly memory: number;
  readonly alive: number;
  readonly weights: number;
  /** The largest buffer. */
  readonly largest: number;
  /** Of its pipelines. */
  readonly shaders: readonly string[];
  /** What a device would refuse of it. */
  readonly refused: readonly string[];
}

let started = false;

/**
 * A network's figures, for one image of the size that it was made for. It is planned for the least device, or that of `planned`;
 * `limits` says what the device has that would refuse it.
 */
export function figures(name: ZooName, winograd: boolean, limits = LEAST, planned = LEAST): Figures {
  if (!started)
    initSync({ module: readFileSync(new URL("../../build/core/wasm/webgpu.wasm", import.meta.url)) });
  started = true;
  const { build, input } = zoo[name];
  const [channels, rows, columns] = input as [number, number, number];
  const { nodes, output } = lower(build());
  const core = new GpuCore(
    JSON.stringify({ nodes, output }),
    rows,
    columns,
    winograd,
    JSON.stringify(planned),
  );
  const recording: Recording = JSON.parse(core.record(1, channels, rows, columns, new Uint32Array()));
  const buffers = [...core.buffers()];
  const shaders: Record<string, string> = JSON.parse(core.shaders());
  core.free();
  const { steps, banks, alive, least } = recording;
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  return {
    dispatches: steps.length,
    moved: sum(steps.map(({ reads, writes }) => reads + writes)),
    least,
    macs: sum(steps.map(({ macs }) => macs)),
    products: sum(steps.map(({ products }) => products)),
    computed: sum(steps.map((step) => computed(recording, step))),
    memory: sum(banks),
    alive,
    weights: sum(buffers),
    largest: Math.max(...buffers, ...banks),
    shaders: recording.pipelines.map(({ shader }) => shader),
    refused: refusals(recording, shaders, buffers, limits),
  };
}

/** The products of a step's whole tiles; where it has none, its own. */
function computed(
  { pipelines, params }: Recording,
  { pipeline, grid, bindings, products }: RecordedStep,
): number {
  const { shader, constants } = pipelines[pipeline]!;
  if (shader !== "conv2d" || !("params" in bindings[0]!)) return products;
  const { COLUMNS = 0, ROWS = 0, WIDTH = 0, HEIGHT = 0, DEPTH = 0, SPLIT = 0 } = constants;
  // As conv2d.wgsl's params have them.
  const at = bindings[0].params / 4;
  const [rows, columns] = params.slice(at + KERNEL);
  const [pixels, channels, outputs] = params.slice(at + PIXELS);
  const tiles = Math.ceil(pixels! / (ROWS * HEIGHT)) * Math.ceil(outputs! / (COLUMNS * WIDTH));
  const deep = Math.ceil((channels! * rows! * columns!) / (DEPTH * SPLIT)) * DEPTH * SPLIT;
  return tiles * grid[2] * (ROWS * HEIGHT) * (4 * COLUMNS * WIDTH) * (4 * deep);
}

/** Words of its params: the kernel's sides, and its pixels, vec4s of channels and of outputs. */
const [KERNEL, PIXELS] = [14, 22];
