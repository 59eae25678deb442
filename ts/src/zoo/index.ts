import { distance } from "fastest-levenshtein";
import { show } from "../check.js";
import { ConvzooError } from "../errors.js";
import { alexnetRows } from "./alexnet.js";
import { lenetRows } from "./lenet.js";
import type { Rows, ZooEntry } from "./row.js";
import { squeezenetRows } from "./squeezenet.js";

/** Every network of the package, by name. */
export const zoo = { ...lenetRows, ...alexnetRows, ...squeezenetRows } as const satisfies Rows;

/** A name of the {@link zoo}. */
export type ZooName = keyof typeof zoo;

/** The zoo's entry of this name. Throws `unknown-model`, with the nearest names, where there is none. */
export function findEntry(name: string): ZooEntry {
  const text = typeof name === "string" ? name : show(name);
  if (Object.hasOwn(zoo, text)) return zoo[text as ZooName];
  const nearest = nearestNames(text).join(", ");
  const message = `The zoo has no network called "${text}"; the nearest names are ${nearest}.`;
  throw new ConvzooError("unknown-model", `${message} \`convzoo models\` lists all.`, { source: text });
}

/** Three names, the one that takes the fewest edits first. */
function nearestNames(name: string): readonly string[] {
  const wanted = name.toLowerCase();
  return Object.keys(zoo)
    .map((candidate) => ({ candidate, edits: distance(wanted, candidate) }))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}
