/** Imported into a process, ends its worker threads at SIGUSR2, whatever they are doing. */
import { isMainThread } from "node:worker_threads";

if (isMainThread) {
  const workers = new Set();
  process.on("worker", (worker) => {
    workers.add(worker);
    worker.on("exit", () => workers.delete(worker));
  });
  process.on("SIGUSR2", () => {
    for (const worker of workers) worker.terminate();
  });
}
