/** What crosses into the core: graphs and tunings as JSON, pieces of weights, sizes. Needs a build. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as Glue from "../../../../build/core/single/core.js";
import { lower } from "../../../src/graph.js";
import { zoo } from "../../../src/zoo/index.js";
import { among, damagedJson, damagedText, type Json, type Random } from "../mutate.js";
import type { Target } from "../target.js";

const path = (relative: string) => fileURLToPath(new URL(`../../../../${relative}`, import.meta.url));
const [glueFile, wasmFile] = [path("build/core/single/core.js"), path("dist/wasm/simd128.wasm")];

/** Whether there is a build to feed. */
export const isBuilt = existsSync(glueFile) && existsSync(wasmFile);

let instance: Promise<typeof Glue> | undefined;
async function glue(): Promise<typeof Glue> {
  const made = (await import(pathToFileURL(glueFile).href)) as typeof Glue;
  made.initSync({ module: new WebAssembly.Module(readFileSync(wasmFile)) });
  return made;
}

/** Graphs of small networks with most kinds of layers. */
const graphs = [
  "lenet5",
  "squeezenet1_1",
  "mobilenet_v2",
  "densenet121",
  "shufflenet_v2_x0_5",
  "googlenet",
].map((name) => {
  const net = zoo[name as keyof typeof zoo].build();
  return JSON.parse(JSON.stringify(lower(net))) as { nodes: Json[]; output: number };
});
/** As `tune` gives it for a first layer of these graphs. */
const TUNING = JSON.stringify({
  "3 x 32 x 32 to 64, 3 x 3, stride [2, 2] padding [0, 0, 0, 0] dilation [1, 1] groups 1": "direct",
  "1 x 32 x 32 to 6, 5 x 5, stride [1, 1] padding [2, 2, 2, 2] dilation [1, 1] groups 1": "direct",
});

/** The first layers of a graph, damaged: mutations of all of it would hardly ever reach the parts that are read late. */
function damagedGraph(random: Random): Json {
  const graph = among(random, graphs);
  const count = 2 + random(Math.min(12, graph.nodes.length - 1));
  const some = { nodes: graph.nodes.slice(0, count), output: count - 1 };
  return random(8) === 0 ? some : damagedJson(some, random);
}

export const core: Target = {
  name: "core",
  few: 3000,
  make(random) {
    const graph =
      random(6) === 0
        ? Buffer.from(damagedText([JSON.stringify(among(random, graphs))], random)).toString("latin1")
        : JSON.stringify(damagedGraph(random));
    const tuning =
      random(3) === 0 ? Buffer.from(damagedText([TUNING, "{}"], random)).toString("latin1") : undefined;
    const size = Array.from({ length: 4 }, () =>
      among(random, [1, 1, 3, 8, 32, 33, 64, 0, 2 ** 16, 2 ** 32 - 1]),
    );
    return new Uint8Array(Buffer.from(JSON.stringify({ graph, tuning, size, node: random(12) })));
  },
  async take(input) {
    instance ??= glue();
    const { Core } = await instance;
    const { graph, tuning, size, node } = JSON.parse(Buffer.from(input).toString()) as {
      graph: string;
      tuning?: string;
      size: [number, number, number, number];
      node: number;
    };
    let made: InstanceType<typeof Core> | undefined;
    try {
      made = new Core(graph, 0, 32, 32, true, 4, tuning);
      made.load(node, 0, new Float32Array(64), undefined);
      const room = made.room(...size, Uint32Array.of());
      return room >= 0 ? "taken" : "refused";
    } catch (error) {
      // A refusal is an object; a text is a panic, and a WebAssembly.RuntimeError a trap.
      const { code, message } = Object(error) as { code?: unknown; message?: unknown };
      if (error instanceof Error || typeof error !== "object" || typeof code !== "string") {
        instance = undefined;
        throw new Error(`the core is broken: ${String(error)}`, { cause: error });
      }
      if (typeof message !== "string" || message.length < 10) throw new Error(`no sentence: ${message}`);
      return made ? "taken" : "refused";
    } finally {
      if (instance) made?.free();
    }
  },
};
