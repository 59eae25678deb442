/** Damaged images, a few of each format; `npm run fuzz` tries more. */
import { images } from "../fuzz/targets/images.js";
import { fuzzTests } from "../fuzz/tests.js";

fuzzTests(images);
