import { distance } from "fastest-levenshtein";
import { show } from "../check.js";
import { ConvzooError } from "../errors.js";
import { alexnetRows } from "./alexnet.js";
import { convnextRows } from "./convnext.js";
import { densenetRows } from "./densenet.js";
import { efficientnetRows } from "./efficientnet.js";
import { googlenetRows } from "./googlenet.js";
import { inceptionv3Rows } from "./inceptionv3.js";
import { lenetRows } from "./lenet.js";
import { mnasnetRows } from "./mnasnet.js";
import { mobilenetv2Rows } from "./mobilenetv2.js";
import { mobilenetv3Rows } from "./mobilenetv3.js";
import { regnetRows } from "./regnet.js";
import { resnetRows } from "./resnet.js";
import type { Rows, ZooEntry } from "./row.js";
import { shufflenetv2Rows } from "./shufflenetv2.js";
import { squeezenetRows } from "./squeezenet.js";
import { vggRows } from "./vgg.js";

/** Every network of the package, by name. */
export const zoo = {
  ...lenetRows,
  ...alexnetRows,
  ...vggRows,
  ...googlenetRows,
  ...inceptionv3Rows,
  ...resnetRows,
  ...squeezenetRows,
  ...densenetRows,
  ...mobilenetv2Rows,
  ...mobilenetv3Rows,
  ...shufflenetv2Rows,
  ...mnasnetRows,
  ...efficientnetRows,
  ...regnetRows,
  ...convnextRows,
} as const satisfies Rows;

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
