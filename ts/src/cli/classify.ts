/** `convzoo classify`: what is on these images? */
import colors from "picocolors";
import { type ErrorCode, isConvzooError } from "../errors.js";
import type { LoadOptions, Progress } from "../load.js";
import type { Classification, ClassifyOptions, Model } from "../model.js";
import type { ZooName } from "../zoo/index.js";
import { bar, errorLine, table } from "./format.js";
import type { Io, Output } from "./io.js";

/** What `classify` was asked for. */
export interface ClassifyRequest {
  readonly files: readonly string[];
  readonly model: string;
  readonly weights?: string;
  readonly topk: number;
  readonly crops: NonNullable<ClassifyOptions["crops"]>;
  readonly device: NonNullable<LoadOptions["device"]>;
  readonly threads?: number;
  readonly json: boolean;
}

/** A file's result, as `--json` prints it. */
interface Answer {
  readonly file: string;
  readonly model: string;
  readonly device: string;
  readonly threads: number;
  /** From the file's path to its classes: reading, decoding, preparing, running. */
  readonly ms: number;
  readonly top: readonly Classification[];
}
interface Failure {
  readonly file: string;
  readonly error: { readonly code: ErrorCode; readonly message: string };
}

/**
 * Classifies every file with one model. Gives 1 where a file failed, after all the others, else 0; throws what `load`
 * throws.
 */
export async function classify(asked: ClassifyRequest, io: Io): Promise<number> {
  const { files, weights, device, threads, json } = asked;
  const onProgress = /^https?:/i.test(weights ?? "") && io.stderr.isTTY ? downloads(io.stderr) : undefined;
  // Where it is no name of the zoo, load says so.
  const model = await io.load(asked.model as ZooName, { weights, device, threads, onProgress });
  const failed: Failure[] = [];
  try {
    const results: (Answer | Failure)[] = [];
    for (const file of files) {
      try {
        const answer = await classifyFile(file, model, asked);
        results.push(answer);
        if (!json) io.stdout.write(report(answer, model, io));
      } catch (error) {
        if (!isConvzooError(error)) throw error;
        const failure = { file, error: { code: error.code, message: error.message } };
        failed.push(failure);
        results.push(failure);
        if (!json) io.stderr.write(errorLine(error));
      }
    }
    if (json) io.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  } finally {
    model.dispose();
  }
  return failed.length > 0 ? 1 : 0;
}

async function classifyFile(file: string, model: Model, asked: ClassifyRequest): Promise<Answer> {
  const start = performance.now();
  const top = await model.classify(file, { topk: asked.topk, crops: asked.crops });
  const ms = Math.round((performance.now() - start) * 100) / 100;
  return { file, model: asked.model, device: model.device, threads: model.threads, ms, top };
}

const BAR = 20;

/** The file, a row a class with bar, probability, score and name, and how it was computed. */
function report({ file, model: name, device, threads, ms, top }: Answer, model: Model, io: Io): string {
  const { bold, cyan, dim } = colors.createColors(Boolean(io.stdout.isTTY && !io.env.NO_COLOR));
  const columns = top.map(({ probability, score }) => [
    bar(probability, BAR),
    `${(100 * probability).toFixed(1)}%`,
    score.toFixed(2),
  ]);
  // Colours only after padding, since their escapes have a length and no width.
  const cells = table(columns, [false, true, true]).split("\n");
  const rows = top.map(({ label, index }, i) => {
    const cell = cells[i]!;
    return `  ${cyan(cell.slice(0, BAR))}${cell.slice(BAR)}  ${label} ${dim(`(${index})`)}\n`;
  });
  const how = `${ms.toFixed(0)} ms: ${name} on ${device} (${model.core}), ${threads} thread${threads === 1 ? "" : "s"}`;
  return `${bold(file)}\n${rows.join("")}  ${dim(how)}\n`;
}

/** Shows on one line of a terminal how far a download is. */
function downloads(terminal: Output): (progress: Progress) => void {
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
  return ({ phase, loaded, total }) => {
    const line = `downloading weights: ${mb(loaded)}${total ? ` of ${mb(total)}` : ""} MB`;
    terminal.write(`\r\x1b[K${phase === "download" && loaded !== total ? line : ""}`);
  };
}
