/**
 * Other engines on the same network, weights and input, on the page's GPU. No part of the page's build: ../peers.ts makes it
 * where the page is served from the repository, and the page loads it when it is asked to. bench/ has how each engine is called.
 */
import type { Net, Tensor } from "convzoo";
import type { Engine } from "../../../bench/engine.js";
import { webgpu as litert } from "../../../bench/engines/litert.js";
import { webgpu as onnxruntime } from "../../../bench/engines/onnxruntime-web.js";
import { webgpu as tfjs } from "../../../bench/engines/tfjs.js";
import { toTflite } from "../../../bench/tflite.js";
import { fold, type Weights } from "../../../ts/src/cli/bench/fold.js";
import { toOnnx } from "../../../ts/src/cli/bench/onnx.js";
import { toTfjs } from "../../../ts/src/cli/bench/tfjs.js";
import { lower } from "../../../ts/src/graph.js";
import { shapesOf } from "../../../ts/src/shape.js";

const ENGINES = { "onnxruntime-web": onnxruntime, "tfjs-webgpu": tfjs, "LiteRT.js": litert } as const;

export type PeerName = keyof typeof ENGINES;

export type Peer = Pick<Engine, "version" | "run" | "end">;

/** An engine that has the network; `input` is [1, C, H, W]. Throws where a network has an operator that no writer knows yet. */
export async function startPeer(
  name: PeerName,
  net: Net,
  weights: ReadonlyMap<string, Tensor>,
  input: Tensor,
): Promise<Peer> {
  const graph = lower(net);
  const steps = () => fold(graph, shapesOf(graph, input.shape.slice(1)), weights as Weights);
  const write = {
    "model.onnx": () => toOnnx(graph, weights as Weights, input.shape),
    "model.tfjs": () => toTfjs(steps()),
    "model.tflite": () => toTflite(steps()),
  };
  const { file, start } = ENGINES[name];
  const bytes = write[file as keyof typeof write]().slice();
  return start({
    bytes,
    pixels: input.data as Float32Array,
    input: input.shape,
    threads: 1,
    modules: new URL("./modules/", import.meta.url).href,
  });
}
