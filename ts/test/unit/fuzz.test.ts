/** Damaged files and texts, a few of each kind; `npm run fuzz` tries more. */

import { onnx } from "../fuzz/targets/onnx.js";
import { texts } from "../fuzz/targets/texts.js";
import { weights } from "../fuzz/targets/weights.js";
import { fuzzTests } from "../fuzz/tests.js";

fuzzTests([...weights, onnx, ...texts]);
