/** What can be said to `bulk`. */
import { FORMATS, GIVES } from "../bulk/settings.js";
import type { BulkRequest } from "./bulk.js";
import { AVERAGES, choice, count, crops, wrong } from "./values.js";

export const BULK_OPTIONS = {
  out: { type: "string", short: "o" },
  list: { type: "string", multiple: true },
  urls: { type: "boolean" },
  anywhere: { type: "boolean" },
  model: { type: "string", short: "m" },
  weights: { type: "string", short: "w" },
  give: { type: "string" },
  topk: { type: "string", short: "k" },
  label: { type: "string", short: "l" },
  crops: { type: "string" },
  seed: { type: "string" },
  average: { type: "string" },
  parquet: { type: "boolean" },
  images: { type: "string" },
  workers: { type: "string" },
  threads: { type: "string" },
  queue: { type: "string" },
  work: { type: "boolean" },
  status: { type: "boolean" },
  retries: { type: "string" },
  "dry-run": { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

type Values = {
  readonly [K in keyof typeof BULK_OPTIONS]?: (typeof BULK_OPTIONS)[K] extends { multiple: true }
    ? string[]
    : (typeof BULK_OPTIONS)[K] extends { type: "boolean" }
      ? boolean
      : string;
};

/** The first retry's delay, milliseconds. */
const BACKOFF = 1000;

/** Throws `bad-option`. */
export function bulkRequest(values: Values, given: readonly string[]): BulkRequest {
  const { label, out, queue, work, status, workers } = values;
  if (work && status) throw wrong("Only one of --work and --status can be done.");
  if ((work || status) && given.length + (values.list?.length ?? 0) > 0)
    throw wrong(`\`bulk --${work ? "work" : "status"}\` takes no images.`);
  if (workers === "0" && queue === undefined)
    throw wrong("--workers 0 leaves the work to others, which needs --queue.");
  return {
    what: work ? "work" : status ? "status" : "run",
    given,
    lists: values.list ?? [],
    trust: { urls: values.urls ?? false, anywhere: values.anywhere ?? false },
    out,
    settings: {
      model: values.model ?? "squeezenet1_1",
      ...(values.weights !== undefined && { weights: values.weights }),
      give: choice("give", values.give, GIVES) ?? "topk",
      topk: count("topk", values.topk) ?? 5,
      crops: crops(values.crops ?? "center", values.seed),
      average: choice("average", values.average, AVERAGES) ?? "probabilities",
      ...(label !== undefined && { label: /^\d+$/.test(label) ? Number(label) : label }),
      formats: FORMATS.filter((format) => format === "jsonl" || values.parquet),
    },
    each: count("images", values.images) ?? 32,
    workers: workers === "0" ? 0 : count("workers", workers),
    threads: count("threads", values.threads),
    queue,
    retries: {
      retries: values.retries === "0" ? 0 : (count("retries", values.retries) ?? 3),
      backoff: BACKOFF,
    },
    dryRun: values["dry-run"] ?? false,
    json: values.json ?? false,
  };
}
