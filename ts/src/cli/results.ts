/** What `convzoo classify` says of each file, in the forms that it can say it in. */
import colors from "picocolors";
import type { ErrorCode } from "../errors.js";
import type { Classification, Model } from "../model.js";
import { bar, table } from "./format.js";
import type { Io } from "./io.js";

/** A file's classes. */
export interface Answer {
  readonly file: string;
  readonly model: string;
  readonly device: string;
  readonly threads: number;
  /** From the file's path to its classes: reading, decoding, preparing, and its part of the run. */
  readonly ms: number;
  readonly top: readonly Classification[];
}

/** Why a file has none. */
export interface Failure {
  readonly file: string;
  readonly error: { readonly code: ErrorCode; readonly message: string };
}

/** `text` is for people, the others for programs: an array, an object a line, a row a class. */
export type Format = "text" | "json" | "jsonl" | "csv";

const COLUMNS = [
  "file",
  "model",
  "device",
  "threads",
  "ms",
  "rank",
  "index",
  "label",
  "score",
  "probability",
];

/** How a format begins, what it says of each file and how it ends. A failure is said elsewhere where it says nothing of it. */
export function printer(format: Format, io: Io, model: Pick<Model, "core">) {
  const failed = (result: Answer | Failure): result is Failure => "error" in result;
  switch (format) {
    case "json": {
      const all: (Answer | Failure)[] = [];
      return {
        begin: "",
        saysFailures: true,
        one: (result: Answer | Failure) => {
          all.push(result);
          return "";
        },
        end: () => `${JSON.stringify(all, null, 2)}\n`,
      };
    }
    case "jsonl":
      return {
        begin: "",
        saysFailures: true,
        one: (result: Answer | Failure) => `${JSON.stringify(result)}\n`,
        end: () => "",
      };
    case "csv":
      return {
        begin: csvRow(COLUMNS),
        saysFailures: false,
        one: (result: Answer | Failure) => (failed(result) ? "" : csvRows(result)),
        end: () => "",
      };
    case "text":
      return {
        begin: "",
        saysFailures: false,
        one: (result: Answer | Failure) => (failed(result) ? "" : text(result, model, io)),
        end: () => "",
      };
  }
}

function csvRows({ file, model, device, threads, ms, top }: Answer): string {
  const rows = top.map(({ index, label, score, probability }, i) =>
    csvRow([file, model, device, threads, ms, i + 1, index, label, score, probability]),
  );
  return rows.join("");
}

/** By RFC 4180, with line feeds alone. */
function csvRow(values: readonly (string | number)[]): string {
  const field = (value: string | number) =>
    /[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  return `${values.map(field).join(",")}\n`;
}

const BAR = 20;

/** The file, a row a class with bar, probability, score and name, and how it was computed. */
function text(
  { file, model: name, device, threads, ms, top }: Answer,
  { core }: Pick<Model, "core">,
  io: Io,
) {
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
  const how = `${ms.toFixed(0)} ms: ${name} on ${device} (${core}), ${threads} thread${threads === 1 ? "" : "s"}`;
  return `${bold(file)}\n${rows.join("")}  ${dim(how)}\n`;
}
