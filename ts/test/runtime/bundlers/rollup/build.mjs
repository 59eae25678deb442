/** Rollup, with the plugins that find packages and the files that `new URL("./file", import.meta.url)` names. */
import { fileURLToPath } from "node:url";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { importMetaAssets } from "@web/rollup-plugin-import-meta-assets";
import { rollup } from "rollup";

const [out] = process.argv.slice(2);
const bundle = await rollup({
  input: fileURLToPath(new URL("../app.js", import.meta.url)),
  plugins: [nodeResolve({ browser: true }), importMetaAssets({ include: /convzoo/ })],
});
await bundle.write({ dir: out, format: "es" });
await bundle.close();
