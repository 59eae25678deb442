/** The files that scripts/make_checkpoint_cases.py makes, and how tests open them. */
import { readdirSync, readFileSync } from "node:fs";
import { ConvzooError } from "../src/errors.js";
import type { WeightTensor } from "../src/weights/dtype.js";
import { loadWeights } from "../src/weights/index.js";

const folder = new URL("./fixtures/checkpoints/", import.meta.url);

/** A tensor as torch or numpy has it: `hex` is its row-major, little-endian bytes. */
interface Fact {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly hex: string;
}

/** `files` says which of the `sets` a file gives, by its name and, behind a space, what is selected in it. */
export const expected: {
  readonly files: Readonly<Record<string, string>>;
  readonly sets: Readonly<Record<string, Readonly<Record<string, Fact>>>>;
} = JSON.parse(readFileSync(new URL("expected.json", folder), "utf8"));

/** Every fixture's name. */
export const names: readonly string[] = readdirSync(folder)
  .filter((name) => name !== "expected.json")
  .sort();

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(name, folder)));
}

export function factsOf(weights: ReadonlyMap<string, WeightTensor>): [string, Fact][] {
  return [...weights].map(([key, { dtype, shape, data }]) => {
    const hex = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex");
    return [key, { dtype, shape, hex }];
  });
}

/** The error with which these bytes are refused. */
export async function errorOf(bytes: Uint8Array, select?: string): Promise<ConvzooError> {
  const error: unknown = await loadWeights(bytes, { select }).then(
    () => new Error("was accepted"),
    (reason: unknown) => reason,
  );
  if (error instanceof ConvzooError) return error;
  throw error;
}
