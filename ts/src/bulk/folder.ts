/**
 * A run's folder. What is done is what lies in it: `run.json` says what is computed, `jobs.jsonl` which images each job has,
 * `parts/` holds a job's results, `failed/` its images that have none and why. Files are written aside and renamed, so what
 * bears its name is whole; a job that two workers do is written once.
 */
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { writeWhole } from "../cli/whole.js";
import { ConvzooError } from "../errors.js";
import type { FORMATS, Job, Settings } from "./settings.js";

/** What stands in run.json. */
export interface Run {
  /** Told apart in a queue that several runs share. */
  readonly id: string;
  readonly settings: Settings;
  readonly jobs: number;
  readonly images: number;
}

/** Jobs whose files share a folder. */
const TOGETHER = 1000;

export class RunFolder {
  constructor(readonly path: string) {}

  /** The run that the folder holds. Rejects with `bad-option` where that is not one of ours. */
  async read(): Promise<Run | undefined> {
    const file = join(this.path, "run.json");
    const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT") return undefined;
      throw new ConvzooError("bad-option", `${file} cannot be read: ${cause.message}.`, { cause });
    });
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as Run;
    } catch (cause) {
      throw new ConvzooError("bad-option", `${file} is damaged; give another folder as --out.`, { cause });
    }
  }

  /** Writes the list of jobs, then run.json: a folder without it has never been begun. */
  async begin(id: string, settings: Settings, images: AsyncIterable<string>, each: number): Promise<Run> {
    await mkdir(this.path, { recursive: true });
    let [jobs, count] = [0, 0];
    await this.#whole("jobs.jsonl", async (write) => {
      let files: string[] = [];
      const flush = async () => {
        if (files.length > 0) await write(`${JSON.stringify({ number: jobs++, files } satisfies Job)}\n`);
        files = [];
      };
      for await (const image of images) {
        count++;
        if (files.push(image) === each) await flush();
      }
      await flush();
    });
    const run = { id, settings, jobs, images: count };
    await this.#whole("run.json", (write) => write(`${JSON.stringify(run, null, 2)}\n`));
    return run;
  }

  /** The jobs, in order. */
  async *jobs(): AsyncGenerator<Job> {
    const input = createReadStream(join(this.path, "jobs.jsonl"));
    for await (const line of createInterface({ input })) yield JSON.parse(line) as Job;
  }

  /** Whether a job's results are there. */
  async isDone(number: number, formats: Settings["formats"]): Promise<boolean> {
    return stat(this.#place("parts", number, formats.at(-1)!)).then(
      () => true,
      () => false,
    );
  }

  /** The numbers of the jobs that are done. */
  async done(formats: Settings["formats"]): Promise<ReadonlySet<number>> {
    const ending = `.${formats.at(-1)}`;
    const names = await readdir(join(this.path, "parts"), { recursive: true }).catch(() => []);
    const parts = names.filter((name) => /(^|[\\/])\d+\.\w+$/.test(name) && name.endsWith(ending));
    return new Set(parts.map((name) => Number.parseInt(name.split(/[\\/]/).at(-1)!, 10)));
  }

  /** How many images have no result. */
  async failures(): Promise<number> {
    const folder = join(this.path, "failed");
    const names = await readdir(folder, { recursive: true }).catch(() => []);
    let count = 0;
    for (const name of names.filter((name) => name.endsWith(".jsonl"))) {
      const text = await readFile(join(folder, name), "utf8");
      count += text.split("\n").length - 1;
    }
    return count;
  }

  /** Writes down which jobs were given up, and why. */
  async dead(jobs: readonly object[]): Promise<void> {
    if (jobs.length === 0) await rm(join(this.path, "dead.jsonl"), { force: true });
    else
      await this.#whole("dead.jsonl", (write) =>
        write(jobs.map((job) => `${JSON.stringify(job)}\n`).join("")),
      );
  }

  /** Writes a job's results, the sign that it is done last, and before them what failed. */
  async finish(
    number: number,
    results: readonly (readonly [(typeof FORMATS)[number], string | Uint8Array])[],
    failed: string,
  ): Promise<void> {
    const failures = this.#name("failed", number, "jsonl");
    // What an earlier try could not do, this one may have done.
    if (failed === "") await rm(join(this.path, failures), { force: true });
    else await this.#whole(failures, (write) => write(failed));
    for (const [format, content] of results)
      await this.#whole(this.#name("parts", number, format), (write) => write(content));
  }

  #name(kind: "parts" | "failed", number: number, ending: string): string {
    const group = String(Math.floor(number / TOGETHER)).padStart(4, "0");
    return join(kind, group, `${String(number).padStart(7, "0")}.${ending}`);
  }

  #place(kind: "parts" | "failed", number: number, ending: string): string {
    return join(this.path, this.#name(kind, number, ending));
  }

  /** Writes a file under another name and renames it when all of it is on the disk. Rejects with `bad-option` where it cannot. */
  async #whole(
    name: string,
    fill: (write: (content: string | Uint8Array) => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const target = join(this.path, name);
    try {
      await mkdir(dirname(target), { recursive: true });
      await writeWhole(target, fill);
    } catch (cause) {
      if (cause instanceof ConvzooError) throw cause;
      const message = `${target} cannot be written: ${(cause as Error).message}. What was done before is kept.`;
      throw new ConvzooError("bad-option", message, { source: target, cause });
    }
  }
}
