/** Parcel, whose one setting (package.json beside) lets it read the `exports` of packages. */
import { fileURLToPath } from "node:url";
import { Parcel } from "@parcel/core";

const [out] = process.argv.slice(2);
const bundler = new Parcel({
  entries: fileURLToPath(new URL("index.html", import.meta.url)),
  defaultConfig: "@parcel/config-default",
  shouldDisableCache: true,
  mode: "production",
  defaultTargetOptions: { distDir: out, publicUrl: "./", sourceMaps: false },
});
try {
  await bundler.run();
} catch (error) {
  console.error(JSON.stringify(error.diagnostics ?? String(error), null, 1).slice(0, 3000));
  process.exitCode = 1;
}
