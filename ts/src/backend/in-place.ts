/** The core in the caller's own thread. */
import { Core, initSync, resize } from "../../../build/core/single/core.js";
import type { Channel } from "./channel.js";
import { Engine } from "./engine.js";
import { localChannel } from "./local.js";

/** A core of its own for each channel. */
export const inPlace = (): Channel =>
  localChannel(
    new Engine({
      single: { Core, initSync, resize },
      decoders: () => import("../image/decode.js"),
    }),
  );
