/** `convzoo bulk`: very many images, on one machine or many. */
import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { type Run, RunFolder } from "../bulk/folder.js";
import { inputs, type Trust } from "../bulk/inputs.js";
import { type Dead, type Retries, runLocally } from "../bulk/local.js";
import { checkSame, type Settings } from "../bulk/settings.js";
import { Worker } from "../bulk/worker.js";
import { ConvzooError } from "../errors.js";
import { bar } from "./format.js";
import type { Io, Output } from "./io.js";
import { needPeers } from "./peers.js";

/** What `bulk` was asked for. */
export interface BulkRequest {
  /** `run` does a run's jobs, `work` those of any run in the queue, `status` says how far a run is. */
  readonly what: "run" | "work" | "status";
  readonly given: readonly string[];
  readonly lists: readonly string[];
  readonly trust: Trust;
  readonly out?: string;
  readonly settings: Settings;
  /** Images a job. */
  readonly each: number;
  readonly workers?: number;
  readonly threads?: number;
  readonly queue?: string;
  readonly retries: Retries;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** Does a run, or a part of one. Gives 1 where images failed or jobs were given up, 130 where it was interrupted, else 0. */
export async function bulk(asked: BulkRequest, io: Io): Promise<number> {
  if (asked.queue !== undefined) needPeers("bulk --queue");
  if (asked.settings.formats.includes("parquet")) needPeers("bulk --parquet");
  switch (asked.what) {
    case "status":
      return status(asked, io);
    case "work":
      return work(asked, io);
    case "run":
      return run(asked, io);
  }
}

async function run(asked: BulkRequest, io: Io): Promise<number> {
  const { out, settings, queue, json } = asked;
  if (out === undefined)
    throw new ConvzooError("bad-option", "`bulk` wants --out, a folder for the results.");
  const folder = new RunFolder(out);
  if (asked.dryRun) return rehearse(asked, folder, io);
  const known = await folder.read();
  if (known) checkSame(known.settings, settings, out);
  else if (asked.given.length + asked.lists.length === 0)
    throw new ConvzooError("bad-option", "`bulk` wants images: files, folders, patterns, or --list FILE.");
  const signal = io.interrupted();
  const images = inputs(asked.given, asked.lists, asked.trust);
  const current = known ?? (await folder.begin(randomUUID(), settings, images, asked.each));
  const before = await folder.done(settings.formats);
  const shown = progress(io.stderr, current, before.size, json);
  const start = performance.now();
  let dead: readonly Dead[] = [];
  try {
    dead = await (queue === undefined
      ? locally(asked, current, folder, io, shown.done, signal)
      : queued(asked, queue, current, folder, io, shown.total, signal));
  } catch (error) {
    if (!signal.aborted) throw error;
    shown.end();
    io.stderr.write("convzoo: interrupted; the same command goes on from here\n");
    return 130;
  }
  shown.end();
  const seconds = (performance.now() - start) / 1000;
  const done = (await folder.done(settings.formats)).size;
  const failed = await folder.failures();
  await folder.dead(dead);
  const sum = { images: current.images, jobs: current.jobs, done, failed, dead: dead.length, seconds };
  io.stdout.write(json ? `${JSON.stringify(sum)}\n` : `${inWords(sum, out)}\n`);
  return failed + dead.length > 0 ? 1 : 0;
}

/** With workers of this process. */
async function locally(
  asked: BulkRequest,
  current: Run,
  folder: RunFolder,
  io: Io,
  onDone: () => void,
  signal: AbortSignal,
): Promise<readonly Dead[]> {
  const workers = await workersOf(asked, io, current.settings);
  try {
    return await runLocally(folder, current, workers, asked.retries, onDone, signal);
  } finally {
    await Promise.all(workers.map((worker) => worker.dispose()));
  }
}

/** Through the queue; this process takes part unless it has no workers. */
async function queued(
  asked: BulkRequest,
  url: string,
  current: Run,
  folder: RunFolder,
  io: Io,
  onTotal: (done: number) => void,
  signal: AbortSignal,
): Promise<readonly Dead[]> {
  const { connectQueue, Producer, takeJobs } = await import("../bulk/queue.js");
  const redis = await connectQueue(url);
  const stop = new AbortController();
  const workers = asked.workers === 0 ? [] : await workersOf(asked, io, current.settings);
  const producer = new Producer(redis, current, folder, asked.retries);
  try {
    await producer.forgive();
    const taking = takeJobs(redis, workers, (path) => path, {}, stop.signal);
    const dead = await producer.finish(onTotal, signal);
    stop.abort();
    await taking;
    return dead;
  } finally {
    stop.abort();
    await Promise.all(workers.map((worker) => worker.dispose()));
    await producer.close();
    redis.disconnect();
  }
}

/** Takes jobs of any run until interrupted. */
async function work(asked: BulkRequest, io: Io): Promise<number> {
  if (asked.queue === undefined) throw new ConvzooError("bad-option", "`bulk --work` wants --queue URL.");
  const { connectQueue, takeJobs } = await import("../bulk/queue.js");
  const redis = await connectQueue(asked.queue);
  const workers = await workersOf(asked, io);
  const stop = new AbortController();
  io.onSignal(["SIGINT", "SIGTERM"], () => stop.abort());
  const say = (entry: object) => asked.json && io.stdout.write(`${JSON.stringify(entry)}\n`);
  if (!asked.json) io.stderr.write("convzoo: waiting for jobs; Ctrl-C ends after those that are under way\n");
  const heard = {
    done: (job: number, outcome: object) => say({ job, ...outcome }),
    failed: (job: number, reason: string) => {
      if (!say({ job, error: reason })) io.stderr.write(`convzoo: job ${job} failed: ${reason}\n`);
    },
  };
  await takeJobs(redis, workers, (path) => asked.out ?? path, heard, stop.signal);
  await Promise.all(workers.map((worker) => worker.dispose()));
  redis.disconnect();
  return 0;
}

/**
 * As many workers as asked for; by default one that has all cores' threads. Where it is known what they will compute, their
 * models are loaded at once: what cannot be loaded should stop a run before its jobs fail one by one.
 */
async function workersOf(
  { workers = 1, threads }: BulkRequest,
  io: Io,
  settings?: Settings,
): Promise<Worker[]> {
  const each = threads ?? Math.max(1, Math.floor(availableParallelism() / workers));
  const made = Array.from({ length: workers }, () => new Worker(io, each));
  try {
    if (settings) await Promise.all(made.map((worker) => worker.load(settings)));
    return made;
  } catch (error) {
    await Promise.all(made.map((worker) => worker.dispose()));
    throw error;
  }
}

/** What would be done. */
async function rehearse(asked: BulkRequest, folder: RunFolder, io: Io): Promise<number> {
  const known = await folder.read();
  if (known) checkSame(known.settings, asked.settings, folder.path);
  let images = known?.images ?? 0;
  if (!known) for await (const _ of inputs(asked.given, asked.lists, asked.trust)) images++;
  const jobs = known?.jobs ?? Math.ceil(images / asked.each);
  const done = known ? (await folder.done(asked.settings.formats)).size : 0;
  const plan = { images, jobs, done, out: folder.path, ...asked.settings };
  const words = `${images} images in ${jobs} jobs, ${done} of them done; ${asked.settings.give} of ${asked.settings.model} into ${folder.path}`;
  io.stdout.write(asked.json ? `${JSON.stringify(plan)}\n` : `${words}\n`);
  return 0;
}

async function status({ out, settings, json }: BulkRequest, io: Io): Promise<number> {
  if (out === undefined)
    throw new ConvzooError("bad-option", "`bulk --status` wants --out, the run's folder.");
  const folder = new RunFolder(out);
  const known = await folder.read();
  if (!known) throw new ConvzooError("not-found", `${out} holds no run.`, { source: out });
  const done = (await folder.done(known.settings.formats ?? settings.formats)).size;
  const { images, jobs } = known;
  const failed = await folder.failures();
  const said = { images, jobs, done, failed, model: known.settings.model, give: known.settings.give };
  const words = `${bar(jobs === 0 ? 1 : done / jobs, 20)} ${done} of ${jobs} jobs (${images} images), ${failed} images failed`;
  io.stdout.write(json ? `${JSON.stringify(said)}\n` : `${words}\n`);
  return 0;
}

interface Sum {
  readonly images: number;
  readonly jobs: number;
  readonly done: number;
  readonly failed: number;
  readonly dead: number;
  readonly seconds: number;
}

function inWords({ images, jobs, done, failed, dead, seconds }: Sum, out: string): string {
  const parts = [`${done} of ${jobs} jobs (${images} images) are done in ${out}`, `${seconds.toFixed(1)} s`];
  if (failed > 0) parts.push(`${failed} images failed: see failed/`);
  if (dead > 0) parts.push(`${dead} jobs were given up: see dead.jsonl; the same command tries them again`);
  return parts.join("; ");
}

/** A line on a terminal: how many jobs are done, images a second, time left. */
function progress(terminal: Output, { jobs, images }: Run, before: number, isQuiet: boolean) {
  const start = performance.now();
  let done = before;
  const isShown = terminal.isTTY && !isQuiet;
  const show = () => {
    if (!isShown) return;
    const seconds = (performance.now() - start) / 1000;
    const rate = ((done - before) * (images / jobs)) / seconds;
    const left = done > before ? ((jobs - done) * (images / jobs)) / rate : Number.NaN;
    const time = Number.isNaN(left) ? "" : `, ${duration(left)} left`;
    terminal.write(
      `\r\x1b[K${bar(done / jobs, 20)} ${done} of ${jobs} jobs, ${rate.toFixed(1)} images a second${time}`,
    );
  };
  return {
    done: () => {
      done++;
      show();
    },
    total: (count: number) => {
      done = count;
      show();
    },
    end: () => {
      if (isShown) terminal.write("\r\x1b[K");
    },
  };
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
