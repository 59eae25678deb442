import { defineConfig } from "vitest/config";

/** One project a suite of scripts/test.mjs; `npx vitest --project unit` runs one alone. */
const suite = (name: string, testTimeout: number) => ({
  test: { name, include: [`ts/test/${name}/**/*.test.ts`], testTimeout, hookTimeout: testTimeout },
});

export default defineConfig({
  test: { projects: [suite("unit", 20_000), suite("golden", 300_000), suite("runtime", 120_000)] },
});
