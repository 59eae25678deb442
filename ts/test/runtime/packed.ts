/** The package as users get it: packed, and installed into an empty folder. */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expected, fixture } from "../checkpoints.js";
import { computedCases, inputOf, onnxBytes } from "../onnx-cases.js";

const here = fileURLToPath(new URL(".", import.meta.url));

/** The repository's folder. */
export const root = fileURLToPath(new URL("../../..", import.meta.url));

/** A .pth whose entries are compressed, and what torch has in it. */
const checkpoint = "layouts_deflated.pth";
export const checkpointFacts = new Map(Object.entries(expected.sets[expected.files[checkpoint]!]!));

/** A network that torch wrote as ONNX, and what onnxruntime makes of an input. */
export const onnxCase = computedCases.find(({ name }) => name === "torchscript_17")!;

/** A folder in which the packed package is installed, with the smoke test and its fixtures beside it. */
export interface Installed {
  readonly folder: string;
  /** The package in it. */
  readonly package: string;
  remove(): void;
}

/** Installs the tarball that scripts/test.mjs packed, or packs one. */
export function install(): Installed {
  const folder = mkdtempSync(join(tmpdir(), "convzoo-installed-"));
  let tarball = process.env.CONVZOO_TARBALL;
  if (!tarball) {
    npm(root, "pack", "--ignore-scripts", "--pack-destination", folder);
    tarball = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz"))!);
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  npm(folder, "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", tarball);
  for (const name of ["smoke.mjs", "in-node.mjs", "in-page.mjs", "in-service-worker.mjs", "stress.mjs"])
    cpSync(join(here, name), join(folder, name));
  const { shape, data } = inputOf(onnxCase);
  const fixtures = {
    checkpoint: [...fixture(checkpoint)],
    onnx: [...onnxBytes(onnxCase.name)],
    input: { shape, data: [...data] },
  };
  writeFileSync(join(folder, "fixtures.json"), JSON.stringify(fixtures));
  cpSync(join(root, "examples"), join(folder, "examples"), { recursive: true });
  return {
    folder,
    package: join(folder, "node_modules/convzoo"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function npm(cwd: string, ...args: string[]): void {
  const shell = process.platform === "win32"; // npm is a .cmd there
  const { status, stdout, stderr, error } = spawnSync("npm", args, { cwd, shell, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm ${args.join(" ")} failed:\n${stdout}${stderr}${error ?? ""}`);
}

/** The path of a file in one of the packages that package.json beside this names, or undefined. */
export function inRuntimes(path: string): string | undefined {
  const [name, ...rest] = path.split("/");
  try {
    const full = join(createRequire(import.meta.url).resolve(`${name}/package.json`), "..", ...rest);
    return existsSync(full) ? full : undefined;
  } catch {
    return undefined;
  }
}

/** What a process did: its exit, what it said, and how long it stayed after its last line. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly lingered: number;
}

/** Runs a process to its end, with `env` added to ours. One that does not end within `timeout` milliseconds is killed. */
export function runToEnd(
  command: string,
  args: readonly string[],
  cwd: string,
  timeout: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    let last = performance.now();
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      last = performance.now();
    });
    child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
    child.on("error", reject);
    child.on("close", (status, signal) =>
      resolve({ status, signal, stdout, stderr, lingered: performance.now() - last }),
    );
  });
}
