/** Work that is asked for faster than it is done. */
import { report } from "./problem.js";

/**
 * Runs `work` one at a time: while one runs, the newest call waits and replaces any that waited before it. With `aborts` the one
 * that runs is told to stop, too. Errors are shown.
 */
export function latest<A extends readonly unknown[]>(
  work: (signal: AbortSignal, ...args: A) => Promise<void>,
  aborts: (...args: A) => boolean = () => true,
): (...args: A) => void {
  let running: AbortController | undefined;
  let waiting: A | undefined;
  const start = async (args: A): Promise<void> => {
    const control = new AbortController();
    running = control;
    try {
      await work(control.signal, ...args);
    } catch (error) {
      if (!control.signal.aborted) report(error);
    }
    running = undefined;
    const next = waiting;
    waiting = undefined;
    if (next) void start(next);
  };
  return (...args) => {
    if (!running) return void start(args);
    waiting = args;
    if (aborts(...args)) running.abort();
  };
}
