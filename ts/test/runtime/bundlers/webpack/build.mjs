/** webpack, without any settings for the package. */
import { fileURLToPath } from "node:url";
import webpack from "webpack";

const [out] = process.argv.slice(2);
const folder = fileURLToPath(new URL(".", import.meta.url));
const settings = {
  mode: "production",
  context: folder,
  entry: "../app.js",
  output: { path: out, filename: "app.js" },
  performance: false,
};
webpack(settings, (error, stats) => {
  if (!error && !stats.hasErrors() && !stats.hasWarnings()) return;
  console.error(error ?? stats.toString());
  process.exitCode = 1;
});
