import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
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

/** What one command needs: its users install it, see ts/src/cli/peers.ts. */
const peers = Object.keys(JSON.parse(readFileSync("package.json", "utf8")).peerDependencies as object);

const entries = {
  node: "ts/src/node.ts",
  browser: "ts/src/browser.ts",
  edge: "ts/src/edge.ts",
  inline: "ts/src/inline.ts",
  augment: "ts/src/augment/index.ts",
};

/**
 * What users' bundlers must be able to leave out becomes a file of its own, as they leave out whole files (package.json's
 * sideEffects) but keep statements whose effects they cannot see: each family of the zoo, convolutionize, and what
 * connects a platform.
 */
const apart = Object.fromEntries([
  ["convolutionize", "ts/src/convolutionize.ts"],
  ...["node", "browser", "edge", "inline"].flatMap((name) =>
    ["connected", "summarize"].map((part) => [`${name}-${part}`, `ts/src/${name}/${part}.ts`]),
  ),
  ...readdirSync("ts/src/zoo")
    .filter((name) => name.endsWith(".ts") && !/^(index|builders)\.ts$/.test(name))
    .map((name) => [`zoo-${basename(name, ".ts")}`, `ts/src/zoo/${name}`]),
]);

export default defineConfig([
  {
    ...common,
    external: [/^node:/, ...peers],
    noExternal: [new RegExp(`^(?!node:|(?:${peers.join("|")})(?:/|$))`)],
    entry: { ...entries, ...apart, cli: "ts/src/cli.ts" },
    splitting: true,
    // Models can be held by `using`, which an application's own choice of libraries may not know.
    // And of WebGPU's types, which it may not have either, this much is named.
    dts: {
      entry: entries,
      banner:
        '/// <reference lib="esnext.disposable" />\n' +
        "declare global { interface GPUDevice {} interface GPUBuffer {} interface GPUTexture {} }",
    },
    esbuildPlugins: [
      {
        // The module that ts/src/backend/webgpu/wgsl.d.ts declares.
        name: "shaders",
        setup(build) {
          build.onLoad({ filter: /\.wgsl$/ }, ({ path }) => {
            const text = readFileSync(path, "utf8").replace(/^\s*\/\/.*\n|^\s+/gm, "");
            return { contents: `export const text = ${JSON.stringify(text)};` };
          });
        },
      },
      {
        // The module that ts/src/inline/wasm.d.ts declares. Compressed, as it would else be a seventh of the package.
        name: "inline",
        setup(build) {
          build.onLoad({ filter: /\.wasm$/ }, ({ path }) => {
            const gzipped = gzipSync(readFileSync(path), { level: 9 }).toString("base64");
            return { contents: `export const gzipped = "${gzipped}";` };
          });
        },
      },
      {
        name: "apart",
        setup(build) {
          build.onEnd((result) => {
            // Their code lies in chunks, which all else imports; of the entries that made those nobody knows.
            result.outputFiles = result.outputFiles?.filter(({ path }) => !(basename(path, ".js") in apart));
          });
        },
      },
    ],
  },
  {
    ...common,
    entry: {
      worker: "ts/src/worker.ts",
      "worker-webgpu": "ts/src/worker-webgpu.ts",
      decoders: "ts/src/decoders.ts",
    },
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
                text: `workers and decoders.ts must import nothing, but one imports ${one.path}`,
              })),
            };
          });
        },
      },
    ],
  },
]);
