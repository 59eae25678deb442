/** What a layer makes of the picture: its channels as gray pictures, each over its own range. */
import type { Tensor } from "convzoo";
import { byId, context2d } from "./dom.js";
import { latest } from "./latest.js";
import { type Answer, answer, signal } from "./state.js";
import { layer } from "./strip.js";
import { ms, shape } from "./text.js";

const canvas = byId<HTMLCanvasElement>("maps-canvas");
const all = byId<HTMLButtonElement>("maps-all");
/** As many channels are shown at first. */
const FEW = 48;
/** Between two maps, in pixels of the canvas. */
const GAP = 1;

const isWhole = signal(false);

export function startMaps(): void {
  const again = () => {
    if (layer.value === undefined) return forget();
    if (answer.value) look(answer.value, layer.value);
  };
  layer.on(() => {
    isWhole.set(false);
    again();
  });
  answer.on(again);
  all.addEventListener("click", () => {
    isWhole.set(!isWhole.value);
    again();
  });
}

function forget(): void {
  canvas.hidden = true;
  all.hidden = true;
  byId("maps-title").textContent = "No layer chosen";
  byId("maps-figures").textContent = "Arrow keys move along the strip.";
}

const look = latest(
  async (signal, { loaded, input }: Answer, path: string) => {
    const start = performance.now();
    const { [path]: output } = await loaded.model.run(input, { outputs: [path], signal });
    if (output && layer.value === path) show(output, path, performance.now() - start);
  },
  ({ picture }) => !picture.live,
);

function show({ shape: sides, data }: Tensor, path: string, took: number): void {
  const [, channels = 1, h = 1, w = 1] = sides;
  const isMap = sides.length === 4 && h * w > 1;
  const shownNow = isMap && !isWhole.value ? Math.min(FEW, channels) : channels;
  const [least, most] = rangeOf(data);
  byId("maps-title").textContent = path;
  byId("maps-figures").textContent =
    `${shape(sides.slice(1))}, from ${least.toPrecision(3)} to ${most.toPrecision(3)}, up to here in ${ms(took)}` +
    (isMap ? `; ${shownNow} of ${channels} channels, each over its own range` : "; a bar for each number");
  canvas.hidden = false;
  canvas.classList.toggle("vector", !isMap);
  if (isMap) tiles(data, shownNow, h, w);
  else bars(data, least, most);
  canvas.setAttribute("aria-label", `${isMap ? "Feature maps" : "Output"} of ${path}`);
  all.hidden = !isMap || channels <= FEW;
  all.textContent = isWhole.value ? `Show ${FEW}` : `Show all ${channels}`;
}

/** Maps side by side, in rows that fill the canvas. */
function tiles(data: Float32Array, channels: number, h: number, w: number): void {
  const columns = Math.min(channels, canvas.parentElement && canvas.parentElement.clientWidth < 600 ? 8 : 16);
  const rows = Math.ceil(channels / columns);
  canvas.width = columns * (w + GAP) - GAP;
  canvas.height = rows * (h + GAP) - GAP;
  const context = context2d(canvas);
  for (let c = 0; c < channels; c++) {
    const map = data.subarray(c * h * w, (c + 1) * h * w);
    const [least, most] = rangeOf(map);
    const image = context.createImageData(w, h);
    for (const [k, value] of map.entries()) {
      const gray = most > least ? (255 * (value - least)) / (most - least) : 0;
      image.data.fill(gray, 4 * k, 4 * k + 3);
      image.data[4 * k + 3] = 255;
    }
    context.putImageData(image, (c % columns) * (w + GAP), Math.floor(c / columns) * (h + GAP));
  }
}

/** A bar for each number, from the line of zero. */
function bars(data: Float32Array, least: number, most: number): void {
  const height = 120;
  const width = Math.max(1, Math.floor(1000 / data.length));
  canvas.width = width * data.length;
  canvas.height = height;
  const context = context2d(canvas);
  context.fillStyle = getComputedStyle(canvas).color;
  const [low, high] = [Math.min(0, least), Math.max(0, most)];
  const y = (value: number) => (height * (high - value)) / (high - low || 1);
  for (const [k, value] of data.entries())
    context.fillRect(k * width, Math.min(y(value), y(0)), Math.max(1, width - 1), Math.abs(y(value) - y(0)));
}

const rangeOf = (values: Float32Array): readonly [least: number, most: number] => [
  values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
  values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
];
