/** A pad to draw digits on, for networks that read MNIST's. */
import { zoo } from "convzoo";
import { byId, context2d } from "./dom.js";
import { centred } from "./mnist.js";
import { describe, resizeTo } from "./stage.js";
import { choice, picture } from "./state.js";

const pad = byId<HTMLCanvasElement>("pad");
const clear = byId<HTMLButtonElement>("clear");
const context = context2d(pad, { willReadFrequently: true });
/** In pixels of the pad; MNIST's strokes are about a tenth of the digit. */
const STROKE = 26;

export function startDigits(): void {
  const adapt = () => {
    const isDigit = zoo[choice.value.name].input[0] === 1;
    clear.hidden = !isDigit;
    if (!isDigit) pad.hidden = true;
  };
  choice.on(adapt);
  adapt();
  clear.textContent = "Draw a digit";
  clear.addEventListener("click", wipe);
  picture.on((now) => {
    if (now?.name === "drawing") return;
    pad.hidden = true;
    clear.textContent = "Draw a digit";
  });

  let last: readonly [number, number] | undefined;
  const placeOf = ({ offsetX, offsetY }: PointerEvent) =>
    [(offsetX * pad.width) / pad.clientWidth, (offsetY * pad.height) / pad.clientHeight] as const;
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    last = placeOf(event);
    stroke(last, last);
  });
  pad.addEventListener("pointermove", (event) => {
    if (!last) return;
    const place = placeOf(event);
    stroke(last, place);
    last = place;
  });
  const end = () => {
    last = undefined;
  };
  pad.addEventListener("pointerup", end);
  pad.addEventListener("pointercancel", end);
}

function wipe(): void {
  pad.hidden = false;
  clear.textContent = "Clear";
  context.fillStyle = "black";
  context.fillRect(0, 0, pad.width, pad.height);
  context.lineWidth = STROKE;
  context.lineCap = "round";
  context.strokeStyle = "white";
  resizeTo(pad.width, pad.height);
  describe("your drawing");
  show();
}

function stroke([x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number]): void {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
  show();
}

function show(): void {
  const drawn = context.getImageData(0, 0, pad.width, pad.height);
  const { width, height } = pad;
  // Live: while a stroke goes on, no answer is to be cut short by the next.
  picture.set({ name: "drawing", source: drawn, centred: centred(drawn), width, height, live: true });
}
