/** The five most probable classes, and what the answer took. */

import { type ZooEntry, zoo } from "convzoo";
import { byId, make } from "./dom.js";
import { progress } from "./session.js";
import { answer, choice, type Loaded, loaded, type Took, took } from "./state.js";
import { megabytes, ms, percent, short } from "./text.js";

const ROWS = 5;
/** A camera's answers come too fast to be read out: one is that has stood for a while. */
const PAUSE = 700;
let speaking: ReturnType<typeof setTimeout> | undefined;

function say(text: string): void {
  byId("spoken").textContent = text;
}

export function startResults(): void {
  const rows = Array.from({ length: ROWS }, () => {
    const [label, value, bar] = [
      make("span", { class: "label" }),
      make("span", { class: "value" }),
      make("i"),
    ];
    const row = make("li", {}, label, value, make("span", { class: "bar", "aria-hidden": "true" }, bar));
    byId("top").append(row);
    return { row, label, value, bar };
  });

  answer.on((now) => {
    for (const [k, { row, label, value, bar }] of rows.entries()) {
      const one = now?.top[k];
      row.classList.toggle("none", !one);
      label.textContent = one?.label ?? "";
      value.textContent = one ? percent(one.probability) : "";
      bar.style.setProperty("--share", String(one?.probability ?? 0));
    }
    clearTimeout(speaking);
    const [first] = now?.top ?? [];
    if (first) speaking = setTimeout(say, PAUSE, `${first.label}, ${percent(first.probability)}`);
  });

  took.on((now) => {
    if (now && loaded.value) byId("timing").replaceChildren(...timing(now, loaded.value));
  });

  progress.on((now) => {
    const bar = byId<HTMLProgressElement>("progress");
    bar.hidden = !now;
    byId("result").toggleAttribute("aria-busy", now !== undefined);
    if (!now) {
      if (!loaded.value) byId("timing").textContent = "No network is loaded";
      return;
    }
    if (now.total) bar.value = now.loaded / now.total;
    else bar.removeAttribute("value");
    const what = now.phase === "download" ? `Loading ${megabytes(now.loaded)}` : "Packing the weights";
    byId("timing").textContent =
      now.total && now.phase === "download" ? `${what} of ${megabytes(now.total)}` : what;
  });

  const showChoice = () => {
    const { name, weights, options } = choice.value;
    const { params, macs, published }: ZooEntry = zoo[name];
    const facts = [`${short(params)} parameters`, `${short(macs)} multiply-adds`];
    if (weights instanceof File) facts.push(`weights of ${weights.name}`);
    else if (published.top1 !== undefined) facts.push(`${published.top1.toFixed(1)} % top-1`);
    if (options?.classes !== undefined) facts.push(`${options.classes} classes`);
    byId("network-name").textContent = name;
    byId("network-facts").textContent = facts.join(", ");
  };
  choice.on(showChoice);
  showChoice();
}

function timing({ prepareMs, runMs }: Took, { model }: Loaded): readonly (Node | string)[] {
  const { device, core, threads } = model;
  const on = `${device}, ${core}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
  return [
    make("strong", {}, ms(runMs)),
    ` for the network, ${ms(prepareMs)} for the picture`,
    make("br"),
    on,
  ];
}
