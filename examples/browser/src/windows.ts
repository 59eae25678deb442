/** The lecture's idea: the classifier's last layers as convolutions, which answer at every window of the picture at once. */
import { type Box, type ScoreMap, summarize } from "convzoo";
import { convolutional, type Scanned, scanned, scannedSize } from "./dense.js";
import { byId, context2d, make } from "./dom.js";
import { type Grid, gridOf } from "./grid.js";
import { latest } from "./latest.js";
import { rewrites } from "./rewrites.js";
import { answer, type Loaded, loaded, scale, shown, took } from "./state.js";
import { ms, percent, shape, short } from "./text.js";

const overlay = byId<HTMLCanvasElement>("overlay");
const marks = byId<SVGSVGElement>("marks");
const frame = byId("frame");
/** As many classes have a colour of their own; all others share the last. */
const COLOURS = ["#4c9be8", "#f2a33a", "#54b87a", "#d96ab0", "#b9a53c", "#8e7fe0", "#9aa3ab"];
const LONGEST = 1024;

/** What lies over the picture now. */
interface Windows {
  readonly now: Scanned;
  readonly grid: Grid;
  /** The most probable class of each. */
  readonly best: readonly number[];
}

let current: Windows | undefined;
let pointed = 0;

export function startWindows(): void {
  scanned.on(draw);
  loaded.on((now) => now && describeRewrites(now));
  frame.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (!current) return;
    const { left, top, width, height } = frame.getBoundingClientRect();
    const { picture } = current.now.of;
    point(
      current.grid.at(
        ((clientX - left) / width) * picture.width,
        ((clientY - top) / height) * picture.height,
      ),
    );
  });
  const pick = byId<HTMLInputElement>("window");
  pick.addEventListener("input", () => point(Number(pick.value)));
}

function draw(now: Scanned | undefined): void {
  const isWindows = now?.kind === "windows";
  marks.toggleAttribute("hidden", !isWindows);
  byId("windows-more").hidden = !isWindows;
  current = undefined;
  if (!isWindows) return;
  const { map, of } = now;
  const grid = gridOf(map, of.picture);
  const best = winners(map);
  current = { now, grid, best };
  const counts = new Map<number, number>();
  for (const index of best) counts.set(index, (counts.get(index) ?? 0) + 1);
  const order = [...counts].sort((a, b) => b[1] - a[1]).map(([index]) => index);
  tint(current, order);

  byId("winners").replaceChildren(
    ...order.slice(0, COLOURS.length - 1).map((index, k) => {
      const colour = make("i", { "aria-hidden": "true" });
      colour.style.background = COLOURS[k] as string;
      return make("li", {}, colour, map.label(index), make("span", {}, `${counts.get(index)}`));
    }),
  );
  const pick = byId<HTMLInputElement>("window");
  pick.max = String(best.length - 1);
  marks.setAttribute("viewBox", `0 0 ${of.picture.width} ${of.picture.height}`);
  point(Math.min(pointed || grid.middle, best.length - 1));
  explain(now, best.length);
}

/** A tile a cell, of the colour of its class. */
function tint({ now, grid, best }: Windows, order: readonly number[]): void {
  const { width, height } = now.of.picture;
  const factor = LONGEST / Math.max(width, height);
  overlay.hidden = false;
  overlay.width = Math.round(width * factor);
  overlay.height = Math.round(height * factor);
  const context = context2d(overlay);
  context.globalAlpha = 0.45;
  for (const [k, index] of best.entries()) {
    const { x, y, width: w, height: h } = grid.cell(k);
    context.fillStyle = COLOURS[Math.min(order.indexOf(index), COLOURS.length - 1)] as string;
    context.fillRect(x * factor + 1, y * factor + 1, w * factor - 2, h * factor - 2);
  }
}

/** The class with the highest score of each cell. */
function winners({ scores, classes }: ScoreMap): readonly number[] {
  const [count = 0, h = 0, w = 0] = scores.shape;
  const best = new Int32Array(h * w);
  for (let c = 1; c < count; c++) {
    const row = c * h * w;
    for (let k = 0; k < best.length; k++)
      if ((scores.data[row + k] as number) > (scores.data[(best[k] as number) * h * w + k] as number))
        best[k] = c;
  }
  return Array.from(best, (place) => classes[place] as number);
}

/** Shows what one cell sees: its window, and what it says of it. */
function point(cell: number): void {
  if (!current) return;
  const { now, grid, best } = current;
  pointed = cell;
  const [window, tile] = [rectangle(grid.window(cell), "window"), rectangle(grid.cell(cell), "tile")];
  marks.replaceChildren(window, tile);
  const pick = byId<HTMLInputElement>("window");
  pick.value = String(cell);
  const label = now.map.label(best[cell] as number);
  const score = now.map.at(best[cell] as number).data[cell] as number;
  const text = `${label}, score ${score.toFixed(1)}`;
  pick.setAttribute("aria-valuetext", `window ${cell + 1}: ${text}`);
  byId("window-text").textContent = text;
}

function rectangle({ x, y, width, height }: Box, kind: string): SVGElement {
  const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of Object.entries({ x, y, width, height, class: kind }))
    rect.setAttribute(name, `${value}`);
  return rect;
}

/** What one pass costs, and what the windows would cost one by one; then the mean of all, as the lecture has it. */
const explain = latest(async (signal, { of, map, ms: passMs, size }: Scanned, count: number) => {
  const { entry, model } = of.loaded;
  const { macs } = summarize(convolutional(of), [entry.input[0], ...size]);
  const [, rows = 0, columns = 0] = map.scores.shape;
  const apart = count * entry.macs;
  byId("windows-figures").textContent =
    `${shape([columns, rows])} windows of ${shape([entry.input[2], entry.input[1]])} in one pass over ` +
    `${shape([size[1], size[0]])}: ${ms(passMs)} and ${short(macs)} multiply-adds. One by one they would take ` +
    `${ms(count * (took.value?.runMs ?? 0))} and ${short(apart)}, ${(apart / macs).toFixed(1)} times the work.`;
  const mean = map.mean();
  const [top] = await model.rank({ shape: [1, mean.length], data: mean }, { topk: 3 });
  const said = top?.map(({ label, probability }) => `${label} ${percent(probability)}`).join(", ");
  byId("windows-mean").textContent = `All windows averaged: ${said}.`;
  const [one, all] = [await model.run(of.input, { signal }), await model.dense(of.input, { signal })];
  const most = one.data.reduce(
    (max, score, i) => Math.max(max, Math.abs(score - (all.scores.data[i] as number))),
    0,
  );
  const largest = one.data.reduce((max, score) => Math.max(max, Math.abs(score)), 0);
  const least = most === 0 ? "to the last bit" : `to ${most.toExponential(0)}`;
  byId("windows-same").textContent =
    `On the window that the result is of, both forms agree ${least}, with scores up to ${largest.toFixed(1)}.`;
});

/** Which layers become others. */
function describeRewrites({ model, entry }: Loaded): void {
  const list = byId("rewritten");
  const changed = rewrites(model.net, entry.input);
  list.replaceChildren(
    ...("refused" in changed
      ? [make("dd", {}, changed.refused)]
      : changed.map(({ path, from, to }) =>
          make("div", {}, make("dt", {}, path), make("dd", {}, make("s", {}, from), " ", make("b", {}, to))),
        )),
  );
}

/** Lets the size and the two switches follow one another: one thing lies over the picture at a time. */
export function startShown(): void {
  const switches = { heat: byId("heat"), windows: byId("convolutionize") };
  for (const [kind, button] of Object.entries(switches) as ["heat" | "windows", HTMLElement][]) {
    button.addEventListener("click", () => {
      shown.set(shown.value === kind ? "picture" : kind);
      // On a phone the picture may have been scrolled away.
      if (shown.value === kind) byId("stage").scrollIntoView({ block: "nearest" });
    });
    shown.on((now) => button.setAttribute("aria-checked", String(now === kind)));
  }
  const slider = byId<HTMLInputElement>("scale");
  const show = () => {
    const size = answer.value ? scannedSize(answer.value).size : undefined;
    byId("scale-value").textContent =
      `${Number(slider.value)} ×${size ? `: ${shape([size[1], size[0]])}` : ""}`;
  };
  slider.addEventListener("input", () => {
    scale.set(Number(slider.value));
    show();
  });
  answer.on(show);
  show();
}
