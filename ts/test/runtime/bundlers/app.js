/** What each bundler bundles: the smoke suite, for a page's tests to call. */
import * as convzoo from "convzoo";
import { smoke } from "../smoke.mjs";

globalThis.smoke = (given) => smoke(convzoo, given);
