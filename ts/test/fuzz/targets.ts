/** Every target there is. */
import type { Target } from "./target.js";
import { core, isBuilt } from "./targets/core.js";
import { images } from "./targets/images.js";
import { onnx } from "./targets/onnx.js";
import { serve } from "./targets/serve.js";
import { texts } from "./targets/texts.js";
import { weights } from "./targets/weights.js";

export const targets: readonly Target[] = [
  ...images,
  ...weights,
  onnx,
  ...texts,
  ...serve,
  ...(isBuilt ? [core] : []),
];
