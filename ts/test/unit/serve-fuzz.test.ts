/** Damaged requests, a few of each kind; `npm run fuzz` tries more. */
import { serve } from "../fuzz/targets/serve.js";
import { fuzzTests } from "../fuzz/tests.js";

fuzzTests(serve);
