/** Errors, as they are: a ConvzooError's code and its sentence. */
import { ConvzooError } from "convzoo";
import { byId } from "./dom.js";

const box = byId("problem");

export function report(error: unknown): void {
  const isOurs = error instanceof ConvzooError;
  byId("problem-code").textContent = isOurs ? error.code : error instanceof Error ? error.name : "error";
  byId("problem-text").textContent = error instanceof Error ? error.message : String(error);
  box.hidden = false;
}

export function clearProblem(): void {
  box.hidden = true;
}

byId("problem-close").addEventListener("click", clearProblem);
