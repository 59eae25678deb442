/**
 * A run on many machines: BullMQ's queue in Redis or Valkey hands the jobs out, and a folder that all machines see takes the
 * results. What is done is what lies in the folder, not what the queue says: a queue server that lost its last second, or a
 * job that two workers did, changes nothing in the end.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Worker as BullWorker, Queue, UnrecoverableError } from "bullmq";
import { Redis } from "ioredis";
import { ConvzooError } from "../errors.js";
import { type Run, RunFolder } from "./folder.js";
import { type Dead, type Does, isHopeless, type Retries, reasonOf } from "./local.js";
import type { Job, Outcome, Settings } from "./settings.js";

/** What travels through the queue. */
interface Sent {
  readonly run: string;
  readonly job: Job;
  readonly settings: Settings;
  /** The run's folder, as the machine that added the job names it. */
  readonly folder: string;
}

const NAME = "convzoo-bulk";

/** Jobs that wait in the queue at most: the server's memory, not the run's size, bounds them. */
const WAITING = 2000;

/** How long a worker may be silent, milliseconds, before its job is given to another; and how often that is looked at. */
const SILENT = 10_000;
const LOOK = 3_000;

/** How long the queue's server is waited for at first, milliseconds. */
const PATIENCE = 6000;

/** How often the one who added the jobs looks at what is done. */
const EVERY = 500;

/**
 * A connection that comes back by itself, as the queue wants it; commands wait meanwhile. Throws `bad-option` for what is no
 * redis URL, and rejects with `fetch-failed` where nobody answers within `PATIENCE` at first.
 */
export async function connectQueue(url: string): Promise<Redis> {
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol)) {
    const message = `--queue is the URL of a Redis or Valkey server, such as redis://127.0.0.1:6379, not "${url}".`;
    throw new ConvzooError("bad-option", message);
  }
  const redis = new Redis(url, { maxRetriesPerRequest: null, lazyConnect: true, connectTimeout: 5000 });
  let last = "it does not answer";
  redis.on("error", (error) => {
    last = error.message || last;
  });
  const ready = new Promise<void>((resolve) => redis.once("ready", () => resolve()));
  // It tries again by itself: a server that is just being started is waited for.
  redis.connect().catch(() => {});
  const isReady = await Promise.race([ready.then(() => true), pause(PATIENCE, false, { ref: false })]);
  if (!isReady) {
    redis.disconnect();
    const { host } = new URL(url);
    const message = `The queue's server ${host} cannot be reached: ${last}.`;
    throw new ConvzooError("fetch-failed", message, { source: host });
  }
  return redis;
}

/** Who adds a run's jobs, and sees to it that all get done. */
export class Producer {
  readonly #queue: Queue<Sent, Outcome>;
  /** How long the last listing took, milliseconds. */
  #listing = 0;

  constructor(
    redis: Redis,
    private readonly run: Run,
    private readonly folder: RunFolder,
    private readonly retries: Retries,
  ) {
    this.#queue = new Queue(NAME, { connection: redis });
    // A server that is away for a while comes back, and commands wait; BullMQ would print each failed try.
    this.#queue.on("error", () => {});
  }

  /**
   * Adds the jobs that are not done as others get done, until all are or have been given up; gives those. `onProgress` hears
   * how many are done. Aborting rejects with the signal's reason and leaves the queue as it is.
   */
  async finish(onProgress: (done: number) => void, signal?: AbortSignal): Promise<readonly Dead[]> {
    const { run, folder } = this;
    for (;;) {
      const done = new Set(await folder.done(run.settings.formats));
      const dead = await this.#dead();
      onProgress(done.size);
      if (done.size + dead.filter(({ job }) => !done.has(job)).length >= run.jobs) {
        return dead.filter(({ job }) => !done.has(job));
      }
      const given = new Set(dead.map(({ job }) => job));
      await this.#add((number) => done.has(number) || given.has(number), onProgress, signal);
      // All were added. What the server lost since is neither there nor done, and is added again.
      while ((await this.#outstanding()) > 0) await this.#look(onProgress, signal);
    }
  }

  /** Lets go of the queue. What is in it stays there, for other producers and workers. */
  async close(): Promise<void> {
    await this.#queue.close();
  }

  async #add(
    skip: (number: number) => boolean,
    onProgress: (done: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const { run, folder, retries } = this;
    let batch: Job[] = [];
    const flush = async () => {
      await this.#queue.addBulk(
        batch.map((job) => ({
          name: "images",
          data: { run: run.id, job, settings: run.settings, folder: folder.path },
          opts: {
            // Twice the same is once.
            jobId: `${run.id}-${job.number}`,
            attempts: 1 + retries.retries,
            backoff: { type: "exponential", delay: retries.backoff },
            removeOnComplete: true,
          },
        })),
      );
      batch = [];
    };
    for await (const job of folder.jobs()) {
      if (skip(job.number)) continue;
      batch.push(job);
      if (batch.length < 100) continue;
      await flush();
      while ((await this.#outstanding()) > WAITING) await this.#look(onProgress, signal);
      signal?.throwIfAborted();
    }
    if (batch.length > 0) await flush();
  }

  /** Waits, then says how much is done. A folder of very many files takes long to list: that is not done all the time. */
  async #look(onProgress: (done: number) => void, signal?: AbortSignal): Promise<void> {
    await pause(Math.max(EVERY, 20 * this.#listing), undefined, { signal });
    const start = performance.now();
    onProgress((await this.folder.done(this.run.settings.formats)).size);
    this.#listing = performance.now() - start;
  }

  async #outstanding(): Promise<number> {
    const counts = await this.#queue.getJobCounts("wait", "active", "delayed", "prioritized");
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  }

  /** The jobs of this run that were given up. */
  async #dead(): Promise<readonly Dead[]> {
    const failed = await this.#queue.getFailed();
    return failed
      .filter(({ data }) => data.run === this.run.id)
      .map(({ data, attemptsMade, failedReason }) => ({
        job: data.job.number,
        tries: attemptsMade,
        reason: failedReason ?? "unknown",
      }));
  }

  /** Forgets what was given up, so that it is tried again. */
  async forgive(): Promise<void> {
    const failed = await this.#queue.getFailed();
    for (const job of failed) if (job.data.run === this.run.id) await job.remove();
  }
}

/** What a worker says of itself. */
export interface Heard {
  readonly done?: (job: number, outcome: Outcome) => void;
  readonly failed?: (job: number, reason: string) => void;
}

/**
 * Takes jobs off the queue and does them until `stop` aborts; then it finishes those that it has. `place` says where a run's
 * folder is on this machine.
 */
export async function takeJobs(
  redis: Redis,
  workers: readonly Does[],
  place: (folder: string) => string,
  heard: Heard,
  stop: AbortSignal,
): Promise<void> {
  const takers = workers.map((worker) => {
    const taker = new BullWorker<Sent, Outcome>(
      NAME,
      async ({ data: { job, settings, folder } }) => {
        const run = new RunFolder(place(folder));
        // Somebody did it, and died before saying so.
        if (await run.isDone(job.number, settings.formats)) return { done: 0, failed: 0 };
        try {
          return await worker.work(job, settings, run);
        } catch (error) {
          const { code, reason } = reasonOf(error);
          const message = code ? `${reason} [${code}]` : reason;
          throw isHopeless(error) ? new UnrecoverableError(message) : new Error(message, { cause: error });
        }
      },
      {
        connection: redis,
        concurrency: 1,
        lockDuration: SILENT,
        stalledInterval: LOOK,
        // A worker that was killed says nothing of its job, which may be tried again by many.
        maxStalledCount: 100,
      },
    );
    taker.on("completed", (job, outcome) => heard.done?.(job.data.job.number, outcome));
    taker.on("failed", (job, error) => {
      if (job) heard.failed?.(job.data.job.number, error.message);
    });
    // Lost connections come back; without a listener they would end the process.
    taker.on("error", () => {});
    return taker;
  });
  await new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.all(takers.map((taker) => taker.close()));
}
