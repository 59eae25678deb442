/** The network as a strip of layers: as high as their maps, as wide as they have channels. */
import { type Summary, summarize } from "convzoo";
import { convolutional, type Scanned, scanned } from "./dense.js";
import { byId, make } from "./dom.js";
import { type Loaded, loaded, signal } from "./state.js";
import { shape, short } from "./text.js";

type SummaryRow = Summary["rows"][number];

/** The path of the layer whose maps are shown. */
export const layer = signal<string | undefined>(undefined);

const strip = byId("strip");
const KINDS = [
  ["conv", "convolution", /^conv2d$/],
  ["linear", "linear", /^linear$/],
  ["pool", "pooling", /pool2d$/],
  ["norm", "normalization", /norm|affine|layer_scale/],
  ["other", "activation and others", /./],
] as const;
/** Nothing happens in them at inference. */
const IDLE = /^(dropout|identity|stochastic_depth)$/;
const THIN = /norm|affine|layer_scale|relu|sigmoid|silu|swish|gelu|tanh|prelu|softmax|local_response/;
const HIGHEST = 96;

const kindOf = (op: string) => KINDS.find(([, , pattern]) => pattern.test(op))?.[0] ?? "other";

export function startStrip(): void {
  byId("kinds").replaceChildren(
    ...KINDS.map(([kind, name]) => make("li", {}, make("i", { class: kind, "aria-hidden": "true" }), name)),
  );
  loaded.on((now) => {
    if (now) show(summarize(now.model.net, now.entry.input).rows, now);
  });
  // Convolutionized, the layers are those of the whole picture.
  let was: "native" | string = "native";
  scanned.on((now) => {
    const windows = now?.kind === "windows" ? now : undefined;
    const key = windows ? windows.size.join() : "native";
    if (key === was || !loaded.value) return;
    was = key;
    show(rowsOf(windows, loaded.value), loaded.value);
  });
  strip.addEventListener("keydown", move);
  strip.addEventListener("click", (event) => {
    const option = (event.target as Element).closest<HTMLElement>("[role=option]");
    if (option) choose(option);
  });
  layer.on(mark);
}

const rowsOf = (windows: Scanned | undefined, { model, entry }: Loaded): readonly SummaryRow[] =>
  windows
    ? summarize(convolutional(windows.of), [entry.input[0], ...windows.size]).rows
    : summarize(model.net, entry.input).rows;

function show(all: readonly SummaryRow[], { entry }: Loaded): void {
  const rows = all.filter(({ op }) => !IDLE.test(op));
  const highest = Math.max(...rows.map(({ output: [, h = 1] }) => h));
  strip.replaceChildren(...rows.map((row, k) => option(row, k, highest)));
  byId("strip-lead").textContent =
    `${rows.length} layers from ${shape(entry.input)}. Each is as high as its map, and as wide as it has channels: ` +
    "choose one to see what it makes of the picture.";
  const isThere = rows.some(({ path }) => path === layer.value);
  if (isThere) mark(layer.value);
  else layer.set(rows[0]?.path);
}

function option({ path, op, output, params, macs }: SummaryRow, k: number, highest: number): HTMLElement {
  const [channels = 1, h = 1] = output;
  const block = make("i", { class: kindOf(op) });
  // Areas would hide the small maps: lengths are by the root.
  block.style.height = `${Math.max(3, HIGHEST * Math.sqrt(h / highest))}px`;
  // What changes no size is a line beside what it follows, and has no label of its own.
  const isThin = THIN.test(op);
  block.style.width = isThin ? "5px" : `${6 + 1.5 * Math.sqrt(channels)}px`;
  const facts = [`${path}, ${op}, ${shape(output)}`];
  if (params > 0) facts.push(`${short(params)} parameters`);
  if (macs > 0) facts.push(`${short(macs)} multiply-adds`);
  const size = make(
    "span",
    { class: "size", "aria-hidden": "true" },
    isThin ? "" : output.slice(0, 2).join("×"),
  );
  const label = facts.join(", ");
  const attributes = {
    role: "option",
    id: `layer-${k}`,
    "aria-label": label,
    "aria-selected": "false",
    title: label,
  };
  return make("div", { ...attributes, "data-path": path }, block, size);
}

function choose(option: HTMLElement): void {
  layer.set(option.dataset.path);
}

/** Arrow keys, Home and End, as in any list; the choice follows the focus. */
function move(event: KeyboardEvent): void {
  const options = [...strip.children] as HTMLElement[];
  const at = options.findIndex((one) => one.getAttribute("aria-selected") === "true");
  const to = { ArrowRight: at + 1, ArrowLeft: Math.max(0, at - 1), Home: 0, End: options.length - 1 }[
    event.key
  ];
  if (to === undefined) return;
  event.preventDefault();
  const option = options[Math.min(to, options.length - 1)];
  if (option) choose(option);
}

function mark(path: string | undefined): void {
  let first: Element | undefined;
  for (const option of strip.children) {
    const isChosen =
      path !== undefined && first === undefined && (option as HTMLElement).dataset.path === path;
    option.setAttribute("aria-selected", String(isChosen));
    if (isChosen) first = option;
  }
  if (!first) {
    strip.removeAttribute("aria-activedescendant");
    return;
  }
  strip.setAttribute("aria-activedescendant", first.id);
  // Not scrollIntoView, which would move the page as well.
  const { offsetLeft, offsetWidth } = first as HTMLElement;
  const { scrollLeft, clientWidth } = strip;
  if (offsetLeft < scrollLeft || offsetLeft + offsetWidth > scrollLeft + clientWidth)
    strip.scrollLeft = offsetLeft - clientWidth / 2;
}
