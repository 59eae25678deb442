/** The device's own clock around each step. */
import { ConvzooError } from "../../errors.js";

/** Queries for two times a step, in sets as large as WebGPU allows. */
export interface Timer {
  /** For the pass of a step. */
  writes(step: number): GPUComputePassTimestampWrites;
  /** Has the times copied to where they can be read. */
  resolve(encoder: GPUCommandEncoder): void;
  /** Nanoseconds: of each step when it began and ended. */
  read(): Promise<BigUint64Array>;
  destroy(): void;
}

/** Queries of a set at most. */
const MOST = 4096;

/** Throws `unsupported` where the device has no such clock. */
export function timerOf(device: GPUDevice, steps: number): Timer {
  if (!device.features.has("timestamp-query")) {
    const advice = 'profile with device: "wasm", or time whole runs';
    throw new ConvzooError("unsupported", `This GPU device has no timestamp-query: ${advice}.`);
  }
  const sets = Array.from({ length: Math.ceil((2 * steps) / MOST) }, (_, i) => {
    return device.createQuerySet({ type: "timestamp", count: Math.min(MOST, 2 * steps - i * MOST) });
  });
  const size = 16 * steps;
  const resolved = device.createBuffer({ size, usage: 0x200 | 4 });
  const answer = device.createBuffer({ size, usage: 1 | 8 });
  return {
    writes(step) {
      const at = (2 * step) % MOST;
      const querySet = sets[Math.floor((2 * step) / MOST)]!;
      return { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
    },
    resolve(encoder) {
      for (const [i, set] of sets.entries())
        encoder.resolveQuerySet(set, 0, set.count, resolved, 8 * MOST * i);
      encoder.copyBufferToBuffer(resolved, 0, answer, 0, size);
    },
    async read() {
      await answer.mapAsync(1);
      const times = new BigUint64Array(answer.getMappedRange().slice(0));
      answer.unmap();
      return times;
    },
    destroy() {
      for (const one of [...sets, resolved, answer]) one.destroy();
    },
  };
}

/** Milliseconds of each step. */
export async function readTimes(timer: Timer): Promise<number[]> {
  const times = await timer.read();
  // A clock that was set back gives no negative time.
  return Array.from({ length: times.length / 2 }, (_, i) =>
    Math.max(0, Number(times[2 * i + 1]! - times[2 * i]!) / 1e6),
  );
}
