/** The machine and the build that results are of, and the files that keep them. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";

export interface Processor {
  readonly name: string;
  /** Where Linux tells: a virtual machine's processor may give the same name in every generation. */
  readonly family?: number;
  readonly model?: number;
  readonly stepping?: number;
  /** Names, with blanks between them. */
  readonly simd?: string;
}

/** What decides how much engines can compute at once, by Linux's names. */
const SIMD = ["fma", "avx2", "avx512f", "avx_vnni", "avx512_vnni"];

/** From the text of Linux's /proc/cpuinfo, which has these fields on x86 alone. */
export function readProcessor(name: string, cpuinfo: string): Processor {
  const field = (key: string) => new RegExp(`^${key}\\s*: (.*)$`, "m").exec(cpuinfo)?.[1];
  const [family, model, stepping] = ["cpu family", "model", "stepping"].map(field);
  if (family === undefined) return { name };
  const flags = field("flags")?.split(" ") ?? [];
  const simd = SIMD.filter((flag) => flags.includes(flag)).join(" ");
  return { name, family: Number(family), model: Number(model), stepping: Number(stepping), simd };
}

/** For a reader. */
export function describe({ name, family, model, stepping, simd }: Processor): string {
  if (family === undefined) return name;
  return `${name}, family ${family}, model ${model}, stepping ${stepping} (${simd})`;
}

/** The file's place in results/. */
export function fileFor({ name, family, model }: Processor, at: Date, kind: string): string {
  const told = family === undefined ? name : `${name} family ${family} model ${model}`;
  const folder = told.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const minute = at.toISOString().slice(0, 16).replace("T", "-").replace(":", "");
  return `${folder}/${minute}-${kind}.json`;
}

const cpuinfo = "/proc/cpuinfo";
const processor = readProcessor(
  cpus()[0]?.model ?? "unknown",
  existsSync(cpuinfo) ? readFileSync(cpuinfo, "utf8") : "",
);

/** Of the tree as it is when a benchmark starts. Files that git does not know, such as results, leave it clean. */
const commit =
  spawnSync("git", ["describe", "--always", "--dirty", "--exclude=*"], {
    cwd: new URL(".", import.meta.url),
    encoding: "utf8",
  }).stdout?.trim() || "unknown";

/** One line: the machine, what ran on it, and the build. */
export const aboutRun = (what: string): string =>
  `${describe(processor)} x ${cpus().length}, ${Math.round(totalmem() / 2 ** 30)} GiB; ${what}; commit ${commit}`;

/** Writes results of now. */
export function keep(kind: string, about: string, results: object): void {
  const file = new URL(`results/${fileFor(processor, new Date(), kind)}`, import.meta.url);
  mkdirSync(new URL(".", file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ about, commit, processor, ...results }, null, 2)}\n`);
}
