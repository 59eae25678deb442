/**
 * The built package under its own name, so that these tests see what a user's import would, under the types of its
 * source, so that checking them does not take a build.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Flavour } from "../../src/platform.js";
import type { Tensor } from "../../src/tensor.js";

const name: string = "convzoo";
export const convzoo = (await import(name)) as typeof import("../../src/node.js");

/** The repository's folder. */
export const root = fileURLToPath(new URL("../../..", import.meta.url));

/** A file of the built package's `wasm` folder. */
export const wasmPath = (file: string): string => join(root, "dist/wasm", file);

/** The core's build of that name there, which is gzipped but for the one that modules import. */
export const corePath = (build: string): string =>
  wasmPath(build === "simd128" ? `${build}.wasm` : `${build}.wasm.gz`);

/** The core's builds to test in this Node, the best last: those that CONVZOO_BUILDS lists, or else all that it runs. */
export async function builds(): Promise<readonly Flavour[]> {
  const { core } = await convzoo.capabilities();
  const wanted = process.env.CONVZOO_BUILDS?.split(",");
  const all: readonly Flavour[] = ["simd128", "simd128-threads", "relaxed-simd", "relaxed-simd-threads"];
  return all
    .filter((build) => core.startsWith("relaxed") || !build.startsWith("relaxed"))
    .filter((build) => !wanted || wanted.includes(build));
}

/** A tensor of reproducible numbers from -1 to 1; another `seed`, other numbers. */
export function noise(shape: readonly number[], seed = 1): Tensor {
  let state = (seed * 0x9e3779b9) >>> 0;
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state / 2 ** 31 - 1;
  }
  return { shape, data };
}
