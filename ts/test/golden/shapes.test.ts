/** Sizes are computed twice, in shape.ts and in the core: here they meet, from the smallest input on. */
import { describe, expect, test } from "vitest";
import { lower } from "../../src/graph.js";
import { shapesOf } from "../../src/shape.js";
import { stateShapes } from "../../src/state.js";
import { type ZooName, zoo } from "../../src/zoo/index.js";
import type { ZooEntry } from "../../src/zoo/row.js";
import { fill } from "../recipe.js";
import { convzoo, noise } from "./package.js";
import { refused } from "./refused.js";

const names = Object.keys(zoo) as ZooName[];

describe.each(names)("%s", (name) => {
  const entry: ZooEntry = zoo[name];
  const net = entry.build();
  const weights = new Map([...stateShapes(net)].map(([key, { shape }]) => [key, fill(key, shape, 1)]));
  const graph = lower(net);
  const [channels] = entry.input;

  test("has the sizes that shape.ts says, and refuses what is smaller than minSize", async () => {
    using model = await convzoo.load(net, { weights });
    const { minSize } = entry;
    // A linear layer right behind the features fixes the size.
    const fixed = name === "lenet5";
    const sizes = [0, 1, 2, 3, 5, 8, 13].flatMap((more) => [
      [minSize + more, minSize],
      [minSize + 1, minSize + 2 * more],
    ]);
    for (const [h = 0, w = 0] of fixed ? [[minSize, minSize]] : sizes) {
      const shapes = shapesOf(graph, [channels, h, w]);
      const taps = await model.run(noise([2, channels, h, w]), { outputs: Object.keys(graph.paths) });
      for (const [path, { shape }] of Object.entries(taps)) {
        expect(shape, `${path} at ${h} x ${w}`).toEqual([2, ...shapes[graph.paths[path]!]!]);
      }
    }
    await refused(() => model.run(noise([1, channels, minSize - 1, minSize - 1])), "bad-shape");
  });
});
