import { distance } from "fastest-levenshtein";
import { show } from "../check.js";
import { ConvzooError } from "../errors.js";
import { alexnetRows } from "./alexnet.js";
import { amoebanetRows } from "./amoebanet.js";
import { bninceptionRows } from "./bninception.js";
import { cifarDensenetRows } from "./cifardensenet.js";
import { cifarResnetRows } from "./cifarresnet.js";
import { cifarResnextRows } from "./cifarresnext.js";
import { convnextRows } from "./convnext.js";
import { densenetRows } from "./densenet.js";
import { efficientnetRows } from "./efficientnet.js";
import { googlenetRows } from "./googlenet.js";
import { googlenetLrnRows } from "./googlenetlrn.js";
import { highwayRows } from "./highway.js";
import { inceptionResNetRows } from "./inceptionresnet.js";
import { inceptionv3Rows } from "./inceptionv3.js";
import { inceptionv4Rows } from "./inceptionv4.js";
import { lenetRows } from "./lenet.js";
import { mcdnnRows } from "./mcdnn.js";
import { mnasnetRows } from "./mnasnet.js";
import { mobilenetv2Rows } from "./mobilenetv2.js";
import { mobilenetv3Rows } from "./mobilenetv3.js";
import { nasnetRows } from "./nasnet.js";
import { ninRows } from "./nin.js";
import { overfeatRows } from "./overfeat.js";
import { pnasnetRows } from "./pnasnet.js";
import { preactResnetRows } from "./preactresnet.js";
import { preluNetRows } from "./prelunet.js";
import { regnetRows } from "./regnet.js";
import { resnetRows } from "./resnet.js";
import type { Rows, ZooEntry } from "./row.js";
import { senetRows } from "./senet.js";
import { shufflenetv2Rows } from "./shufflenetv2.js";
import { squeezenetRows } from "./squeezenet.js";
import { timmEfficientnetRows } from "./timmefficientnet.js";
import { vggRows } from "./vgg.js";
import { wideResnetRows } from "./wideresnet.js";
import { xceptionRows } from "./xception.js";

/** Every network of the package, by name. */
export const zoo = {
  ...lenetRows,
  ...mcdnnRows,
  ...alexnetRows,
  ...overfeatRows,
  ...ninRows,
  ...vggRows,
  ...googlenetLrnRows,
  ...googlenetRows,
  ...bninceptionRows,
  ...inceptionv3Rows,
  ...inceptionv4Rows,
  ...inceptionResNetRows,
  ...xceptionRows,
  ...highwayRows,
  ...preluNetRows,
  ...resnetRows,
  ...cifarResnetRows,
  ...preactResnetRows,
  ...wideResnetRows,
  ...cifarResnextRows,
  ...senetRows,
  ...squeezenetRows,
  ...densenetRows,
  ...cifarDensenetRows,
  ...nasnetRows,
  ...pnasnetRows,
  ...amoebanetRows,
  ...mobilenetv2Rows,
  ...mobilenetv3Rows,
  ...shufflenetv2Rows,
  ...mnasnetRows,
  ...efficientnetRows,
  ...timmEfficientnetRows,
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
