import { defineConfig } from "vitest/config";

/** Shaders as tsup.config.ts puts them into the package. */
const shaders = {
  name: "shaders",
  transform: (code: string, path: string) =>
    path.endsWith(".wgsl") ? `export const text = ${JSON.stringify(code)};` : undefined,
};

/** One project a suite of scripts/test.mjs; `npx vitest --project unit` runs one alone. */
const suite = (name: string, testTimeout: number) => ({
  plugins: [shaders],
  test: { name, include: [`ts/test/${name}/**/*.test.ts`], testTimeout, hookTimeout: testTimeout },
});

export default defineConfig({
  test: { projects: [suite("unit", 20_000), suite("golden", 300_000), suite("runtime", 120_000)] },
});
