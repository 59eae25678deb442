/** `convzoo models`: the table of the zoo, filtered and sorted, as text, JSON or a figure. */
import { ConvzooError } from "../errors.js";
import { zoo } from "../zoo/index.js";
import type { Checkpoint, Rows, ZooEntry } from "../zoo/row.js";
import { table } from "./format.js";
import type { Io } from "./io.js";

/** What `models` was asked for. */
export interface ModelsRequest {
  /** Families, by name. */
  readonly families?: readonly string[];
  /** The first and the last year. */
  readonly years?: readonly [number, number];
  /** Only networks that have weights in the package. */
  readonly weights: boolean;
  /** The most accurate comes first, else the least; by default the order of the zoo, older ideas first. */
  readonly sort?: "name" | "year" | "params" | "macs" | "top1";
  readonly json: boolean;
  /** The file that the figure is drawn into. */
  readonly plot?: string;
}

type Named = readonly [name: string, entry: ZooEntry];

/** Prints the networks asked for, or draws them. Throws `bad-option` where there is none. */
export async function listModels(asked: ModelsRequest, io: Io): Promise<number> {
  const rows = choose(asked);
  if (asked.plot !== undefined) {
    const { plot } = await import("./plot.js");
    await io.writeFile(asked.plot, plot(rows));
    io.stderr.write(`${asked.plot}: written\n`);
  }
  if (asked.json) io.stdout.write(`${JSON.stringify(rows.map(record), null, 2)}\n`);
  else if (asked.plot === undefined) io.stdout.write(text(rows));
  return 0;
}

function choose({ families, years, weights, sort }: ModelsRequest): readonly Named[] {
  const all: readonly Named[] = Object.entries(zoo as Rows);
  const known = [...new Set(all.map(([, { family }]) => family))];
  const strange = families?.find((family) => !known.includes(family));
  if (strange !== undefined) {
    throw new ConvzooError("bad-option", `There is no family "${strange}"; there are ${known.join(", ")}.`);
  }
  const rows = all.filter(
    ([, entry]) =>
      (families?.includes(entry.family) ?? true) &&
      (!years || (entry.year >= years[0] && entry.year <= years[1])) &&
      (!weights || Object.values(entry.weights).some(isEmbedded)),
  );
  if (rows.length === 0) {
    throw new ConvzooError(
      "bad-option",
      "No network is all of that; ask for less, or `convzoo models` alone.",
    );
  }
  if (!sort) return rows;
  if (sort === "name") return rows.toSorted(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  const key = (entry: ZooEntry) => (sort === "top1" ? -(entry.published.top1 ?? 0) : entry[sort]);
  return rows.toSorted(([, a], [, b]) => key(a) - key(b));
}

function record([name, entry]: Named) {
  return {
    name,
    family: entry.family,
    year: entry.year,
    paper: entry.paper,
    input: entry.input,
    minSize: entry.minSize,
    params: entry.params,
    macs: entry.macs,
    published: entry.published,
    weights: Object.entries(entry.weights).map(([weights, checkpoint]) => {
      const { licence, labels, note, metrics, url } = checkpoint;
      const place = isEmbedded(checkpoint) ? { embedded: true } : { embedded: false, url: url() };
      return { name: weights, ...place, licence, labels, note, metrics };
    }),
  };
}

const HEAD = ["name", "family", "year", "params", "MACs", "input", "top-1", "weights"];
const NUMBERS = [false, false, true, true, true, false, true, false];
const NOTES = `
MACs: multiply-adds for one input. top-1: per cent on ImageNet (of networks for small images, on their
own data), as published with the original weights; --json says by whom, and which are of more than one crop.
weights: registered checkpoints, the default first. Those marked * come with the package, the others are
downloaded when first used (\`convzoo cache ls\`). Give your own with --weights FILE.
`;

function text(rows: readonly Named[]): string {
  const lines = rows.map(([name, entry]) => [
    name,
    entry.family,
    String(entry.year),
    millions(entry.params),
    millions(entry.macs),
    entry.input.join("x"),
    entry.published.top1?.toFixed(1) ?? "-",
    weightsOf(entry),
  ]);
  return table([HEAD, ...lines], NUMBERS) + NOTES;
}

/** Whether a checkpoint comes with the package; the places of the others are texts. */
const isEmbedded = ({ url }: Checkpoint): boolean => typeof url() !== "string";

/** The names of a network's checkpoints; those in the package are marked. */
const weightsOf = ({ weights }: ZooEntry): string =>
  Object.entries(weights)
    .map(([name, checkpoint]) => (isEmbedded(checkpoint) ? `${name}*` : name))
    .join(", ") || "-";

const millions = (count: number): string => `${(count / 1e6).toFixed(2)} M`;
