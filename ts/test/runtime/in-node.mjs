/**
 * Runs smoke.mjs against the package installed beside it, in Node, Deno or Bun; arguments: threads, "keep" or "dispose".
 */
import { readFileSync } from "node:fs";
import * as convzoo from "convzoo";
import { smoke } from "./smoke.mjs";

const [threads, end] = process.argv.slice(2);
const report = await smoke(convzoo, {
  threads: threads === "default" ? undefined : Number(threads),
  keep: end === "keep",
  digit: "examples/digits/7-0.png",
  fixtures: JSON.parse(readFileSync("fixtures.json", "utf8")),
  photo: readFileSync("examples/images/bird.png"),
});
// The last that this does: the process must now end by itself.
process.stdout.write(JSON.stringify(report));
