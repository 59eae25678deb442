/** The package's functions that a server needs: its own entry has them, tests give others. */
import type { Io } from "../cli/io.js";

export type Library = Pick<Io, "load" | "fromOnnx" | "imageWorker">;
