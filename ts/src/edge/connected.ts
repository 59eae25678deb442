/** Edge workers: no workers, no threads, no files; the core runs in place, of a module that the caller passes. */
import { Core, initSync, resize as resizeBytes } from "../../../build/core/single/core.js";
import { Engine } from "../backend/engine.js";
import { localChannel } from "../backend/local.js";
import { connect } from "../connect.js";

export const { init, load, loadWeights, fromOnnx, decode, resize, preprocess, capabilities } =
  /* @__PURE__ */ connect({
    cores: () => 1,
    noThreads: () => "edge workers have no threads",
    inPlace: () =>
      localChannel(
        new Engine({
          single: { Core, initSync, resize: resizeBytes },
          decoders: () => import("../decoders.js"),
          pause: () => new Promise((resolve) => setTimeout(resolve)),
        }),
      ),
  });
