/** Sizes are computed twice, in shape.ts and in the core: here they meet, from the smallest input on. */
import { describe, expect, test } from "vitest";
import { lower } from "../../src/graph.js";
import { type Shape, shapesOf } from "../../src/shape.js";
import { stateShapes } from "../../src/state.js";
import { zoo } from "../../src/zoo/index.js";
import type { ZooEntry } from "../../src/zoo/row.js";
import { convzoo, noise } from "./package.js";
import { refused } from "./refused.js";

const quick = Boolean(process.env.CONVZOO_QUICK);

/** Of each family the smallest network; its others have more of the same layers. */
const smallest = new Map<string, [name: string, entry: ZooEntry]>();
for (const [name, entry] of Object.entries<ZooEntry>(zoo)) {
  const known = smallest.get(entry.family)?.[1].params ?? Number.POSITIVE_INFINITY;
  if (entry.params < known) smallest.set(entry.family, [name, entry]);
}

/** Quick mode takes the small ones. */
const networks = [...smallest.values()].filter(([, { params }]) => !quick || params < 3e6);

/** Sizes do not depend on weights, so these are zeros. */
const zeros = ({ shape }: { readonly shape: Shape }) => {
  return { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) };
};

describe.each(networks)("%s", (_, entry) => {
  const net = entry.build();
  const graph = lower(net);
  const [channels] = entry.input;
  const { minSize } = entry;

  /** What shape.ts says of an input; undefined where it says that the input does not fit. */
  const said = (h: number, w: number) => {
    try {
      return shapesOf(graph, [channels, h, w]);
    } catch (error) {
      expect(error).toMatchObject({ code: "bad-shape" });
      return undefined;
    }
  };

  test("has the sizes that shape.ts says, and refuses what does not fit", async () => {
    const weights = new Map([...stateShapes(net)].map(([key, of]) => [key, zeros(of)]));
    using model = await convzoo.load(net, { weights });
    const sizes = (quick ? [0, 1, 5] : [0, 1, 2, 3, 5, 8, 13]).flatMap((more) => [
      [minSize + more, minSize],
      [minSize + 1, minSize + 2 * more],
    ]);
    for (const [h = 0, w = 0] of sizes) {
      const input = noise([2, channels, h, w]);
      const shapes = said(h, w);
      if (!shapes) {
        await refused(() => model.run(input), "bad-shape");
        continue;
      }
      // An auxiliary head may need a larger input than the network does.
      const outputs = Object.keys(graph.paths).filter((path) => shapes[graph.paths[path]!]);
      for (const [path, { shape }] of Object.entries(await model.run(input, { outputs }))) {
        expect(shape, `${path} at ${h} x ${w}`).toEqual([2, ...shapes[graph.paths[path]!]!]);
      }
    }
    expect(said(minSize, minSize)).toBeDefined();
    if (minSize > 1) {
      expect(said(minSize - 1, minSize - 1)).toBeUndefined();
      await refused(() => model.run(noise([1, channels, minSize - 1, minSize - 1])), "bad-shape");
    }
  });
});
