/** `summarize` with this platform's core. Apart, so that who only loads networks gets none of it. */
import { type Summarize, summarizeBy } from "../summarize.js";
import { gpuSteps } from "./connected.js";

export const summarize: Summarize = /* @__PURE__ */ summarizeBy(gpuSteps);
