/**
 * The worker whose core plans for a GPU and packs for it; the device itself is the caller's. Self-contained, so that it can be
 * served from anywhere as it is.
 */
import { GpuCore, initSync, resize } from "../../build/core/webgpu/core.js";
import { nodeChannel, webChannel } from "./backend/channel.js";
import { importDecoders } from "./backend/import-decoders.js";
import { serve } from "./backend/serve.js";
import { GpuEngine } from "./backend/webgpu/engine.js";

// Not imported: bundlers for browsers would look for Node's module.
const node = globalThis.process?.getBuiltinModule?.("node:worker_threads");
const caller = node?.parentPort ? nodeChannel(node.parentPort) : webChannel(globalThis as unknown as Worker);

serve(caller, new GpuEngine({ glue: { GpuCore, initSync, resize }, decoders: importDecoders }));
