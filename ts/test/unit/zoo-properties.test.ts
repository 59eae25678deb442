/** What holds for every network of the zoo, whatever its family. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isConvzooError } from "../../src/errors.js";
import { lower } from "../../src/graph.js";
import type { Layer } from "../../src/layers.js";
import { shapesOf } from "../../src/shape.js";
import { ownShapes, stateShapes } from "../../src/state.js";
import { zoo } from "../../src/zoo/index.js";
import type { Rows } from "../../src/zoo/row.js";

const SETTINGS = [1, 10, 1000].flatMap((classes) => [1, 3].map((inChannels) => ({ classes, inChannels })));

const printed = ["log", "info", "warn", "error"] as const;
beforeEach(() => {
  for (const name of printed) vi.spyOn(console, name);
});
afterEach(() => {
  const calls = printed.flatMap((name) => vi.mocked(console[name]).mock.calls);
  vi.restoreAllMocks();
  expect(calls).toEqual([]);
});

/** How many parameters and buffers the layers have, each with a key of its own or not. */
function countWeights(layer: Layer): number {
  if (layer.op !== "module") return ownShapes(layer).length;
  return Object.values(layer.children).reduce((sum, child) => sum + countWeights(child), 0);
}

describe.each(Object.entries(zoo as Rows))("%s", (_, { build, input, minSize }) => {
  test("builds with any number of classes and channels, in under 50 ms, with unique keys", () => {
    for (const setting of SETTINGS) {
      const timed = () => {
        const start = performance.now();
        return { net: build(setting), ms: performance.now() - start };
      };
      const first = timed();
      let { ms } = first;
      // Others use the machine too: one quick build of a few shows what the work is.
      for (let more = 0; more < 4 && ms >= 50; more++) ms = timed().ms;
      expect(ms).toBeLessThan(50);
      expect(first.net.inChannels).toBe(setting.inChannels);
      expect(stateShapes(first.net).size).toBe(countWeights(first.net));
    }
  });

  test("its shapes go through at its own and its smallest size, whatever the channels", () => {
    for (const { classes, inChannels } of SETTINGS.filter((setting) => setting.classes === 10)) {
      const graph = lower(build({ classes, inChannels }));
      for (const side of [input[1], minSize]) {
        expect(shapesOf(graph, [inChannels, side, side])[graph.output]).toEqual([classes]);
      }
    }
  });

  // Networks that take a single pixel have no size below.
  if (minSize === 1) return;
  test("below that, the error names a layer and the size needed", () => {
    const graph = lower(build());
    for (const side of new Set([1, minSize - 1])) {
      const error = (() => {
        try {
          return shapesOf(graph, [input[0], side, side]);
        } catch (thrown) {
          return thrown;
        }
      })();
      if (!isConvzooError(error)) throw new Error(`At ${side} there was no ConvzooError.`);
      expect(error.code).toBe("bad-shape");
      expect(Object.keys(graph.paths)).toContain(error.node);
      expect(error.message.startsWith(`${error.node}: `)).toBe(true);
      expect(error.message).toContain(`${minSize} x ${minSize}`);
    }
  });
});
