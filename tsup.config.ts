import { defineConfig, type Options } from "tsup";

/** What both bundles share: everything that is used at run time is inside, only Node's own modules stay outside. */
const common: Options = {
  format: "esm",
  target: "es2022",
  platform: "neutral",
  external: [/^node:/],
  noExternal: [/^(?!node:)/],
  clean: false,
  minify: true,
  removeNodeProtocol: false,
  esbuildOptions: (options) => {
    options.mainFields = ["module", "main"];
    options.legalComments = "none"; // the licences of what is bundled stand in THIRD-PARTY-NOTICES.md
  },
};

export default defineConfig([
  {
    ...common,
    entry: {
      node: "ts/src/node.ts",
      browser: "ts/src/browser.ts",
      edge: "ts/src/edge.ts",
      augment: "ts/src/augment/index.ts",
    },
    splitting: true,
    dts: true,
  },
  {
    // By itself: its lazily loaded commands would otherwise cut the library into many small chunks.
    ...common,
    entry: { cli: "ts/src/cli.ts" },
    splitting: true,
    esbuildPlugins: [
      {
        name: "library-beside",
        setup(build) {
          build.onResolve({ filter: /^\.\/node\.js$/ }, ({ path }) => ({ path, external: true }));
        },
      },
    ],
  },
  {
    ...common,
    entry: { worker: "ts/src/worker.ts", decoders: "ts/src/decoders.ts" },
    splitting: false,
    esbuildPlugins: [
      {
        name: "self-contained",
        setup(build) {
          build.initialOptions.metafile = true;
          build.onEnd((result) => {
            const imports = Object.values(result.metafile?.outputs ?? {}).flatMap((output) => output.imports);
            // A bundler copies these files as they are: whatever they imported would be missing beside them.
            const outside = imports.filter(
              (one) => !one.path.startsWith("node:") || one.kind !== "dynamic-import",
            );
            return {
              errors: outside.map((one) => ({
                text: `worker.ts and decoders.ts must import nothing, but one imports ${one.path}`,
              })),
            };
          });
        },
      },
    ],
  },
]);
