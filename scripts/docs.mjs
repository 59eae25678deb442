/**
 * `npm run docs`: the documentation site, in build/docs. What is not written by hand is made here first: a page for each
 * family of networks, the API from the docstrings, the benchmark's table, and the pictures, by the built package.
 * `--serve` shows it while its pages are edited.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { benchRows, benchTable, newestResults, readResults } from "./bench_table.mjs";
import { build } from "./build.mjs";
import { setupDocs, stop } from "./setup.mjs";
import { root } from "./toolchain.mjs";

const docs = join(root, "docs");
const tool = (path) => join(docs, "node_modules", path);

/** Runs one of the site's tools; where it fails, throws what it said. */
function run(script, args, options = {}) {
  const done = spawnSync(process.execPath, [script, ...args], { cwd: docs, encoding: "utf8", ...options });
  if (done.status !== 0)
    throw new Error(`build: failed: ${script} ${args.join(" ")}\n${done.stdout}${done.stderr}`);
}

/** An empty folder of the site. */
function fresh(name) {
  const folder = join(docs, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function api() {
  const out = fresh("api");
  const entries = ["node.ts", "augment/index.ts"].flatMap((file) => [
    "--entryPoints",
    join(root, "ts/src", file),
  ]);
  const options = [
    ...["--plugin", "typedoc-plugin-markdown", "--out", out, "--tsconfig", join(docs, "tsconfig.json")],
    ...["--readme", "none", "--disableSources", "--excludePrivate", "--excludeInternal", "--hideBreadcrumbs"],
    ...[
      "--name",
      "convzoo",
      "--entryFileName",
      "index.md",
      "--outputFileStrategy",
      "modules",
      "--parametersFormat",
      "table",
      "--logLevel",
      "Error",
    ],
  ];
  run(tool("typedoc/bin/typedoc"), [...entries, ...options]);
}

/** The newest results of one thread, whichever the machine: the sentence below says. */
function benchPage() {
  const { about, rows } = readResults(newestResults());
  const said = `Medians of many runs in turns, the best in brackets; ratios are medians of those within a round. ${about}.`;
  writeFileSync(
    join(fresh("generated"), "bench.md"),
    `${benchTable(benchRows(rows), { full: true })}\n\n${said}\n`,
  );
}

/** What runs on a GPU take by their recordings: the newest table. */
function recordingsTable() {
  const folder = join(root, "bench/results/recordings");
  const newest = readdirSync(folder).sort().at(-1);
  const [names, ...values] = JSON.parse(readFileSync(join(folder, newest), "utf8"));
  const rows = values.map((row) => Object.fromEntries(row.map((value, i) => [names[i], value])));
  const plain = new Map(rows.flatMap((row) => (row.winograd ? [] : [[row.network, row]])));
  const columns = ["dispatches", "x least", "x needed", "x defined", "x alive"];
  const lines = rows
    .filter(({ winograd }) => winograd)
    .map((row) => {
      const without = plain.get(row.network);
      const pair = (name) => (row[name] === without[name] ? row[name] : `${row[name]} (${without[name]})`);
      return `| ${[row.network, ...columns.map(pair)].join(" | ")} |`;
    });
  const head = [
    "network",
    "dispatches",
    "bytes / least",
    "products / needed",
    "products / defined",
    "maps / alive",
  ];
  const table = [`| ${head.join(" | ")} |`, `|${"---|".repeat(head.length)}`, ...lines].join("\n");
  writeFileSync(join(docs, "generated/recordings.md"), `${table}\n`);
}

/** The photograph of the owl, and maps of its class over it. */
async function pictures() {
  const folder = join(fresh("public"), "pictures");
  mkdirSync(folder);
  const { decode, load, resize } = await import("convzoo");
  const { encode } = await import("fast-png");
  const save = (name, { width, height, data }) =>
    writeFileSync(
      join(folder, `${name}.png`),
      encode({ width, height, data, channels: data.length / width / height }),
    );
  const label = "great grey owl";
  const photograph = join(root, "examples/images/owl.jpg");
  const pixels = await decode(photograph);
  const width = 480;
  const small = await resize(pixels, { width, height: Math.round((width * pixels.height) / pixels.width) });
  save("owl", small);
  // Winograd's weights serve no dilated layers, which `fine` has.
  const model = await load("squeezenet1_1", { winograd: false });
  const ways = { overlay: { scales: [1, 1.5] }, window: {}, cell: { pooling: "cell" }, fine: { fine: true } };
  for (const [name, options] of Object.entries(ways)) {
    const map = await model.dense(pixels, options);
    save(`owl-${name}`, map.overlay(small, label));
  }
  model.dispose();
}

/** Brings the site's own tools, the package and all generated pages; then builds. */
export async function buildDocs({ serve = false } = {}) {
  setupDocs();
  await build();
  run(join(root, "scripts/make_guides.mjs"), [fresh("zoo")], { cwd: root });
  api();
  benchPage();
  recordingsTable();
  await pictures();
  const args = serve ? ["dev"] : ["build"];
  run(tool("vitepress/bin/vitepress.js"), args, serve ? { stdio: "inherit" } : {});
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const start = performance.now();
    await buildDocs({ serve: process.argv.includes("--serve") });
    const pages = readdirSync(join(root, "build/docs"), { recursive: true }).filter((file) =>
      file.endsWith(".html"),
    );
    const bytes = pages.reduce((sum, file) => sum + statSync(join(root, "build/docs", file)).size, 0);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`docs: ${pages.length} pages, ${(bytes / 1e6).toFixed(1)} MB, in build/docs (${seconds} s)`);
  } catch (error) {
    stop(error);
  }
}
