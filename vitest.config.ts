import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Shaders as tsup.config.ts puts them into the package. */
const shaders = {
  name: "shaders",
  transform: (code: string, path: string) =>
    path.endsWith(".wgsl") ? `export const text = ${JSON.stringify(code)};` : undefined,
};

/** Files that take longest, in that order: begun last, one would keep a core busy while the others have nothing to do. */
const LONGEST = [
  "relaxed-simd",
  "goldens",
  "webgpu-cases",
  "webgpu-goldens",
  "webgpu-float16",
  "memory",
  "node",
  "serve-soak",
  "score-map",
  "chromium",
  "bundlers",
  "webgpu-tune",
  "webgpu",
  "bulk",
  "webgpu-products",
  "consumer",
  "fuzz",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.indexOf(basename(moduleId, ".test.ts"));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

/** One project a suite of scripts/test.mjs; `npx vitest --project unit` runs one alone. */
const suite = (name: string, testTimeout: number) => ({
  plugins: [shaders],
  test: { name, include: [`ts/test/${name}/**/*.test.ts`], testTimeout, hookTimeout: testTimeout },
});

export default defineConfig({
  test: {
    projects: [suite("unit", 20_000), suite("golden", 300_000), suite("runtime", 120_000)],
    // Vitest would leave a core to itself, which is half of a machine with two.
    maxWorkers: availableParallelism(),
    sequence: { sequencer: LongestFirst },
  },
});
