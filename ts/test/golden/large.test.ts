/** The zoo's largest network, which only narrow weights make fit: 557 million parameters. */
import { readFileSync } from "node:fs";
import { freemem } from "node:os";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import type { WeightTensor } from "../../src/weights/dtype.js";
import { toHalves } from "../half.js";
import { fill, fillInput, readGolden } from "../recipe.js";
import { convzoo } from "./package.js";

const NAME = "ref_amoebanet_b_gpipe_160x160";
const { load, zoo } = convzoo;

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** A golden's weights, in float16 where they have more than one axis: made when they are asked for, and not kept here. */
class Made extends Map<string, WeightTensor> {
  readonly #golden = readGolden(NAME);
  #garbage = 0;

  override get(key: string): WeightTensor {
    const { keys, seed, norms } = this.#golden;
    const shape = keys[key]!;
    const { data } = fill(key, shape, seed, norms);
    this.#garbage += data.byteLength;
    if (this.#garbage > 2 ** 27) collect();
    this.#garbage %= 2 ** 27;
    return shape.length > 1 ? { dtype: "f16", shape, data: toHalves(data) } : { dtype: "f32", shape, data };
  }

  override keys(): MapIterator<string> {
    return Object.keys(this.#golden.keys).values();
  }

  override *entries(): MapIterator<[string, WeightTensor]> {
    for (const key of this.keys()) yield [key, this.get(key)];
  }
}

test("amoebanet_b_gpipe in float16: PyTorch's numbers, in two bytes a weight", async ({ skip }) => {
  const gib = freemem() / 2 ** 30;
  skip(process.env.CONVZOO_QUICK !== undefined || gib < 3, `${NAME} in float16 takes 3 GiB of free memory`);
  const golden = JSON.parse(readFileSync(new URL(`../goldens/half/${NAME}.json`, import.meta.url), "utf8"));
  const { input_shape, input_seed } = readGolden(NAME);
  using model = await load(zoo.amoebanet_b_gpipe.build(), { weights: new Made(), precision: "float16" });
  const { data } = await model.run(fillInput(input_shape, input_seed));
  // A hundredth are of convolutions that keep float32 and of norms; the rest is what any network takes beside.
  const { maps, total } = await model.memory();
  expect(total - maps).toBeLessThan(2.02 * zoo.amoebanet_b_gpipe.params + 24 * 2 ** 20);
  // Of all of this process, the test's own weights included.
  expect(process.resourceUsage().maxRSS * 1024).toBeLessThan(2.5e9);
  const error = Math.max(...golden.output.map((value: number, i: number) => Math.abs(value - data[i]!)));
  expect(error).toBeLessThanOrEqual(1e-5 * golden.scale);
});
