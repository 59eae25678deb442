/** esbuild, which leaves `new URL("./file", import.meta.url)` as it is: the files are copied to where the code will lie. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [out] = process.argv.slice(2);
await build({
  entryPoints: [fileURLToPath(new URL("../app.js", import.meta.url))],
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  outdir: out,
  logLevel: "warning",
});
const dist = fileURLToPath(new URL("../node_modules/convzoo/dist", import.meta.url));
for (const name of ["worker.js", "decoders.js", "wasm", "weights"])
  cpSync(join(dist, name), join(out, name), { recursive: true });
