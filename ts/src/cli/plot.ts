/** The figure "model size and accuracy", after EfficientNet's first: parameters against ImageNet top-1, as SVG. */
import { ConvzooError } from "../errors.js";
import type { ZooEntry } from "../zoo/row.js";

const [WIDTH, HEIGHT] = [1280, 860];
const FRAME = { left: 70, top: 56, right: WIDTH - 30, bottom: HEIGHT - 76 };
const FONT = 10;

interface Point {
  readonly name: string;
  readonly series: string;
  readonly params: number;
  readonly top1: number;
  readonly x: number;
  readonly y: number;
  readonly source: string;
}

/** Draws those networks that have a published accuracy on ImageNet, of one centre crop. Throws `bad-option` where none has. */
export function plot(rows: readonly (readonly [name: string, entry: ZooEntry])[]): string {
  const shown = rows.flatMap(([name, { params, published, family, input }]) => {
    const { top1, source = "", conditions } = published;
    // Networks for small images have their accuracy on other data; several views are no measure of one network.
    return top1 === undefined || conditions || input[1] < 200
      ? []
      : [{ name, params, top1, source, series: series(name, family) }];
  });
  if (shown.length === 0) {
    throw new ConvzooError(
      "bad-option",
      "None of these networks has a published accuracy on ImageNet to draw.",
    );
  }
  const millions = shown.map(({ params }) => params / 1e6);
  const scores = shown.map(({ top1 }) => top1);
  const x = logarithmic(Math.min(...millions), Math.max(...millions));
  const y = linear(Math.min(...scores), Math.max(...scores));
  const points = shown.map((one): Point => ({ ...one, x: x.at(one.params / 1e6), y: y.at(one.top1) }));
  const names = [...new Set(points.map((one) => one.series))];
  // The golden angle keeps neighbours in the list apart.
  const colour = (of: string) => `hsl(${Math.round(names.indexOf(of) * 137.5) % 360} 65% 38%)`;
  const lines = names.map((of) => {
    const path = points.filter((one) => one.series === of).sort((a, b) => a.params - b.params);
    const corners = path.map(at).join(" ");
    return `<polyline points="${corners}" fill="none" stroke="${colour(of)}" stroke-opacity="0.55" stroke-width="1.5"/>`;
  });
  const dots = points.map(
    (one) =>
      `<circle cx="${one.x.toFixed(1)}" cy="${one.y.toFixed(1)}" r="3.2" fill="${colour(one.series)}"><title>${title(one)}</title></circle>`,
  );
  const labels = placed(points).map(
    ({ point, left, bottom }) =>
      `<text x="${left.toFixed(1)}" y="${(bottom - 2.5).toFixed(1)}" fill="${colour(point.series)}" ${HALO}>${point.name}</text>`,
  );
  const sources = [...new Set(points.flatMap(({ source }) => source.split(" and ")))].sort().join(", ");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="Helvetica, Arial, sans-serif" font-size="${FONT}">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text x="${FRAME.left}" y="32" font-size="18" fill="#222">Model size and accuracy on ImageNet</text>`,
    ...x.ticks.map((tick) => vertical(x.at(tick), String(tick))),
    ...y.ticks.map((tick) => horizontal(y.at(tick), String(tick))),
    `<text x="${(FRAME.left + FRAME.right) / 2}" y="${FRAME.bottom + 38}" font-size="13" fill="#222" text-anchor="middle">Parameters (millions, logarithmic)</text>`,
    `<text transform="translate(24 ${(FRAME.top + FRAME.bottom) / 2}) rotate(-90)" font-size="13" fill="#222" text-anchor="middle">ImageNet top-1 accuracy (%)</text>`,
    ...lines,
    ...dots,
    ...labels,
    `<text x="${FRAME.left}" y="${HEIGHT - 12}" fill="#666">One model, one centre crop, validation set, as published. Sources: ${sources}. Drawn by convzoo.</text>`,
    "</svg>\n",
  ].join("\n");
}

/** Networks that differ in size alone are one line: what stands before the first number, and batch norm. */
const series = (name: string, family: string): string =>
  `${family} ${name.replace(/_(tiny|small|base|large|mobile)$/, "").split(/_?\d/)[0]} ${name.endsWith("_bn")}`;

const at = ({ x, y }: Point): string => `${x.toFixed(1)},${y.toFixed(1)}`;
const title = ({ name, params, top1, source }: Point): string =>
  `${name}: ${(params / 1e6).toFixed(1)} M parameters, ${top1} % (${source})`;

interface Axis {
  readonly ticks: readonly number[];
  at(value: number): number;
}

function logarithmic(least: number, most: number): Axis {
  const [from, to] = [Math.log(least * 0.85), Math.log(most * 1.3)];
  const steps = [0.01, 0.1, 1, 10, 100, 1000].flatMap((decade) =>
    [1, 2, 5].map((step) => +(decade * step).toFixed(2)),
  );
  return {
    ticks: steps.filter((tick) => Math.log(tick) >= from && Math.log(tick) <= to),
    at: (value) => FRAME.left + ((Math.log(value) - from) / (to - from)) * (FRAME.right - FRAME.left),
  };
}

function linear(least: number, most: number): Axis {
  const [from, to] = [Math.floor(least - 0.5), Math.ceil(most + 0.5)];
  const step = to - from > 12 ? 5 : 1;
  const first = Math.ceil(from / step) * step;
  return {
    ticks: Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, i) => first + i * step),
    at: (value) => FRAME.bottom - ((value - from) / (to - from)) * (FRAME.bottom - FRAME.top),
  };
}

/** Lines pass behind names. */
const HALO = 'stroke="white" stroke-width="2.5" stroke-opacity="0.8" paint-order="stroke"';
const GRID = 'stroke="#ddd" stroke-width="0.8"';
const vertical = (x: number, tick: string): string =>
  `<line x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${FRAME.top}" y2="${FRAME.bottom}" ${GRID}/><text x="${x.toFixed(1)}" y="${FRAME.bottom + 16}" fill="#444" text-anchor="middle">${tick}</text>`;
const horizontal = (y: number, tick: string): string =>
  `<line x1="${FRAME.left}" x2="${FRAME.right}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}" ${GRID}/><text x="${FRAME.left - 8}" y="${(y + 3.5).toFixed(1)}" fill="#444" text-anchor="end">${tick}</text>`;

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/**
 * A place for each name beside its point where it covers no point and no other name. The more accurate choose first; a
 * name for which there is no room is left to the point's tooltip.
 */
function placed(points: readonly Point[]): readonly (Box & { readonly point: Point })[] {
  const taken: Box[] = points.map(({ x, y }) => ({ left: x - 3, right: x + 3, top: y - 3, bottom: y + 3 }));
  const labels: (Box & { point: Point })[] = [];
  for (const point of points.toSorted((a, b) => b.top1 - a.top1)) {
    const box = around(point).find((place) => fits(place) && !taken.some((other) => overlap(place, other)));
    if (!box) continue;
    taken.push(box);
    labels.push({ ...box, point });
  }
  return labels;
}

/** Places for a name, the best first: right, left, above, below, and further away in the corners. */
function around({ x, y, name }: Point): readonly Box[] {
  // Helvetica's letters are rather more than half as wide as they are high.
  const width = name.length * FONT * 0.56;
  const places = [
    [x + 5, y],
    [x - 5 - width, y],
    ...[9, 15, 21].flatMap((away) => [
      [x - width / 2, y - away],
      [x - width / 2, y + away],
      [x + 3, y - away],
      [x + 3, y + away],
      [x - 3 - width, y - away],
      [x - 3 - width, y + away],
    ]),
  ] as [number, number][];
  return places.map(([left, middle]) => ({
    left,
    right: left + width,
    top: middle - FONT * 0.55,
    bottom: middle + FONT * 0.55,
  }));
}

const fits = ({ left, right, top, bottom }: Box): boolean =>
  left >= FRAME.left && right <= FRAME.right && top >= FRAME.top && bottom <= FRAME.bottom;

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
