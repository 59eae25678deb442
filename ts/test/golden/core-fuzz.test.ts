/** Damaged graphs and tunings for the built core; `npm run fuzz` tries more. */
import { core } from "../fuzz/targets/core.js";
import { fuzzTests } from "../fuzz/tests.js";

fuzzTests([core]);
