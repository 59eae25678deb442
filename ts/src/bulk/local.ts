/** A run on this machine alone: workers take the jobs that are not done; the folder is all that is remembered. */
import { setTimeout as pause } from "node:timers/promises";
import { isConvzooError } from "../errors.js";
import type { Run, RunFolder } from "./folder.js";
import type { Job, Outcome } from "./settings.js";

/** A job that was given up. */
export interface Dead {
  readonly job: number;
  readonly tries: number;
  readonly code?: string;
  readonly reason: string;
}

/** How a job that failed is tried again. */
export interface Retries {
  /** After the first. */
  readonly retries: number;
  /** Before the first of them, milliseconds; twice as long before each that follows. */
  readonly backoff: number;
}

/** What does jobs. */
export interface Does {
  work(job: Job, settings: Run["settings"], folder: RunFolder, signal?: AbortSignal): Promise<Outcome>;
}

/**
 * Does all jobs that are not done, each worker one at a time, and gives those that were given up. Aborting rejects with the
 * signal's reason; what was done is kept.
 */
export async function runLocally(
  folder: RunFolder,
  { settings }: Run,
  workers: readonly Does[],
  { retries, backoff }: Retries,
  onDone: (job: Job, outcome: Outcome) => void,
  signal?: AbortSignal,
): Promise<readonly Dead[]> {
  const done = await folder.done(settings.formats);
  const dead: Dead[] = [];
  const jobs = folder.jobs();
  const take = async (worker: Does): Promise<void> => {
    for (;;) {
      signal?.throwIfAborted();
      const { value: job, done: isLast } = await jobs.next();
      if (isLast) return;
      if (done.has(job.number)) continue;
      await tried(worker, job);
    }
  };
  const tried = async (worker: Does, job: Job): Promise<void> => {
    for (let tries = 1; ; tries++) {
      try {
        onDone(job, await worker.work(job, settings, folder, signal));
        return;
      } catch (error) {
        signal?.throwIfAborted();
        if (tries > retries || isHopeless(error)) {
          dead.push({ job: job.number, tries, ...reasonOf(error) });
          return;
        }
        await pause(backoff * 2 ** (tries - 1), undefined, { signal });
      }
    }
  };
  await Promise.all(workers.map(take));
  return dead;
}

/** Whether trying again cannot help: the model's name or weights are wrong. */
export function isHopeless(error: unknown): boolean {
  return (
    isConvzooError(error) &&
    [
      "unknown-model",
      "unknown-weights",
      "unknown-format",
      "bad-weights",
      "unsafe-pickle",
      "missing-weight",
    ].includes(error.code)
  );
}

export function reasonOf(error: unknown): { readonly code?: string; readonly reason: string } {
  if (isConvzooError(error)) return { code: error.code, reason: error.message };
  return { reason: error instanceof Error ? error.message : String(error) };
}
