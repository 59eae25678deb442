/** What a bulk run computes: plain data, kept beside its results and sent with every job. */
import { ConvzooError } from "../errors.js";
import type { Crops } from "../image/views.js";

/** What is written of each image. */
export const GIVES = ["topk", "embedding", "peaks"] as const;

/** Files of results: the last that a job writes is the sign that it is done. */
export const FORMATS = ["parquet", "jsonl"] as const;

export interface Settings {
  readonly model: string;
  readonly weights?: string;
  readonly give: (typeof GIVES)[number];
  /** Classes of an image, or with `peaks` the most peaks. */
  readonly topk: number;
  readonly crops: Crops | "dense";
  readonly average: "probabilities" | "scores";
  /** With `peaks`: the class whose map is searched; each image's most probable one unless given. */
  readonly label?: string | number;
  readonly formats: readonly (typeof FORMATS)[number][];
}

/** A job: images that one worker takes together. Jobs are numbered from 0. */
export interface Job {
  readonly number: number;
  readonly files: readonly string[];
}

/** What became of a job's images. */
export interface Outcome {
  readonly done: number;
  readonly failed: number;
}

/** Throws `bad-option` where a run that is gone on with would compute something else. */
export function checkSame(before: Settings, now: Settings, folder: string): void {
  const names = new Set([...Object.keys(before), ...Object.keys(now)] as (keyof Settings)[]);
  const other = [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]));
  if (other.length === 0) return;
  const was = other.map((name) => `${name} ${JSON.stringify(before[name])}`).join(", ");
  const message = `${folder} holds a run with ${was}: go on with that, or give another folder as --out.`;
  throw new ConvzooError("bad-option", message, { source: folder });
}
