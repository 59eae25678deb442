/** What is said of a checkpoint that does not fit its network: all of it, in one message. */
import { closest } from "fastest-levenshtein";

/** Everything that does not fit. Keys are the checkpoint's, so with the prefix that it has. */
export interface Misfits {
  readonly missing: readonly { readonly key: string; readonly shape: readonly number[] }[];
  readonly extra: readonly { readonly key: string; readonly shape: readonly number[] }[];
  readonly misshapen: readonly {
    readonly key: string;
    readonly shape: readonly number[];
    readonly wanted: readonly number[];
    /** The other shape that would do. */
    readonly linear?: readonly number[];
  }[];
  /** Whether what is missing are only classifiers that training uses. */
  readonly onlyAuxiliary: boolean;
}

/** Keys that are listed of each kind. */
const LISTED = 10;
/** Keys among which the nearest is sought, and how long they are: it takes a while, and a checkpoint may be hostile. */
const SOUGHT = 2000;
const LONGEST = 200;

/** The message; `name` is what the checkpoint is called. */
export function misfitMessage(
  { missing, extra, misshapen, onlyAuxiliary }: Misfits,
  name = "The checkpoint",
): string {
  const candidates = extra
    .map(({ key }) => key)
    .filter((key) => key.length <= LONGEST)
    .slice(0, SOUGHT);
  const nearest = (key: string) =>
    candidates.length > 0 && key.length <= LONGEST
      ? `; the nearest it has instead is ${closest(key, candidates)}`
      : "";
  const kinds = [
    list(
      missing,
      (n) => `${n} missing`,
      ({ key, shape }) => `${key} ${showShape(shape)}${nearest(key)}`,
    ),
    list(
      extra,
      (n) => `${n} not known to the network`,
      ({ key, shape }) => `${key} ${showShape(shape)}`,
    ),
    list(
      misshapen,
      (n) => `${n} of another shape`,
      ({ key, shape, wanted, linear }) =>
        `${key} has shape ${showShape(shape)}, the network wants ${showShape(wanted)}${linear ? ` or ${showShape(linear)}` : ""}`,
    ),
  ].filter(({ lines }) => lines.length > 0);
  const heads = kinds.map(({ head }) => head).join(", ");
  const lines = kinds.flatMap(({ head, lines }) => (kinds.length > 1 ? [`${head}:`, ...lines] : lines));
  const advice = onlyAuxiliary
    ? "Build the network with auxLogits: false"
    : missing.length + extra.length > 0
      ? "Build the network and the options that the checkpoint is of, or name the prefix of its keys"
      : "Build the network with the options (classes, inChannels) that the checkpoint was made with, or see adaptHead and adaptStem";
  return `${name} does not fit the network; keys: ${heads}.\n${lines.join("\n")}\n${advice}.`;
}

/** How a message shows a shape. */
export const showShape = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

function list<T>(all: readonly T[], head: (count: number) => string, line: (one: T) => string) {
  const lines = all.slice(0, LISTED).map((one) => `  ${line(one)}`);
  const more = all.length - lines.length;
  return { head: head(all.length), lines: more > 0 ? [...lines, `  and ${more} more`] : lines };
}
