/** Where is it? The map of one class over the picture. */
import { type Scanned, scanned } from "./dense.js";
import { byId, context2d, make } from "./dom.js";
import { report } from "./problem.js";
import { type Answer, answer, shown } from "./state.js";
import { ms, shape } from "./text.js";

const overlay = byId<HTMLCanvasElement>("overlay");
const input = byId<HTMLInputElement>("class");
/** The map is smooth: more pixels than this would not show. */
const LONGEST = 256;
/** How much of the picture the highest score hides. */
const OPACITY = 0.75;

/** The class that was asked for; else the most probable one. */
let asked: string | undefined;
/** How long a camera's answer stands before its classes are offered. */
const PAUSE = 700;
let settling: ReturnType<typeof setTimeout> | undefined;
/** All names are listed once a network. */
let listed: unknown;

export function startHeat(): void {
  input.addEventListener("change", () => {
    ask(input.value.trim() || undefined);
  });
  scanned.on(draw);
  answer.on((now) => {
    if (!now) return;
    if (asked === undefined) input.value = now.top[0]?.label ?? "";
    clearTimeout(settling);
    // Not under a finger that is about to touch one of them.
    settling = setTimeout(offer, now.picture.live ? PAUSE : 0, now);
  });
}

/** The classes of the result, to be chosen with one touch. */
function offer({ top }: Answer): void {
  const chips = top.map(({ label }) => {
    const chip = make("button", { type: "button" }, label);
    chip.addEventListener("click", () => ask(label));
    return make("li", {}, chip);
  });
  byId("chips").replaceChildren(...chips);
}

function ask(label: string | undefined): void {
  asked = label;
  input.value = label ?? answer.value?.top[0]?.label ?? "";
  if (shown.value !== "heat") shown.set("heat");
  else draw(scanned.value);
}

function draw(now: Scanned | undefined): void {
  const isHeat = now?.kind === "heat";
  overlay.hidden = !isHeat;
  byId("heat-figures").textContent = "";
  if (!isHeat) return;
  list(now);
  try {
    paint(now, asked ?? now.of.top[0]?.label ?? "");
  } catch (error) {
    // A class that there is not: the next picture goes with its own.
    asked = undefined;
    report(error);
  }
}

function paint({ map, of, ms: took, size }: Scanned, label: string): void {
  const { width, height } = of.picture;
  const shrink = Math.min(1, LONGEST / Math.max(width, height));
  const [w, h] = [Math.max(1, Math.round(width * shrink)), Math.max(1, Math.round(height * shrink))];
  const scores = map.at(label).data;
  const least = scores.reduce((a, b) => Math.min(a, b));
  const most = scores.reduce((a, b) => Math.max(a, b));
  const colours = map.heat(label, { width: w, height: h, colormap: "turbo" });
  const { data } = map.upsample(label, w, h);
  const image = new ImageData(w, h);
  image.data.set(colours.data);
  for (const [k, score] of data.entries())
    image.data[4 * k + 3] = 255 * OPACITY * Math.min(1, Math.max(0, (score - least) / (most - least || 1)));
  overlay.width = w;
  overlay.height = h;
  context2d(overlay).putImageData(image, 0, 0);
  byId("least").textContent = least.toFixed(1);
  byId("most").textContent = most.toFixed(1);
  const [, rows = 0, columns = 0] = map.scores.shape;
  byId("heat-figures").textContent =
    `${shape([columns, rows])} scores of “${label}”, ${map.stride.toFixed(1)} pixels apart; ` +
    `seen at ${shape([size[1], size[0]])}, ${ms(took)}`;
}

/** Fills the list of the class field with all names. */
function list({ map, of }: Scanned): void {
  if (listed === of.loaded) return;
  listed = of.loaded;
  const options = map.classes.map((index) => make("option", { value: map.label(index) }));
  byId("classes").replaceChildren(...options);
}
