/** Where pictures come from: files chosen, dropped or pasted, and the examples. */
import { decode, resize, zoo } from "convzoo";
import { receiveCheckpoint } from "./checkpoint.js";
import { byId, make } from "./dom.js";
import { latest } from "./latest.js";
import { report } from "./problem.js";
import { showBitmap, showPixels } from "./stage.js";
import { answer, choice, type Picture, picture } from "./state.js";

/** A longer side than this is shrunk: screens do not show more, and maps of it take seconds. */
const LONGEST = 1600;
/** What the package decodes itself, to the bytes of Pillow; the browser does the rest. */
const OWN = /^image\/(jpeg|png|webp|gif|bmp|x-ms-bmp)$/;
const CHECKPOINT = /\.(pth|pt|th|bin|safetensors|npz)$/i;

const urlsOf = (found: Record<string, unknown>) =>
  Object.entries(found).map(([path, url]) => ({
    name: path.slice(path.lastIndexOf("/") + 1),
    url: url as string,
  }));
const photographs = urlsOf(
  import.meta.glob("../../images/*.{jpg,png,webp}", { eager: true, query: "?url", import: "default" }),
);
const digits = urlsOf(
  import.meta.glob("../../digits/*.png", { eager: true, query: "?url", import: "default" }),
);

/** Something of a user's: a checkpoint by its name, else a picture. */
export const receive = latest(async (signal, file: File) => {
  if (CHECKPOINT.test(file.name)) return receiveCheckpoint(file);
  const options = { orientation: true, signal } as const;
  const given = await decode(file, OWN.test(file.type) ? options : { ...options, decoder: "native" });
  const shrink = LONGEST / Math.max(given.width, given.height);
  const size = { width: Math.round(given.width * shrink), height: Math.round(given.height * shrink) };
  const pixels = shrink < 1 ? await resize(given, { ...size, filter: "box" }) : given;
  showPixels(pixels, file.name);
  const { width, height } = pixels;
  picture.set({ name: file.name, source: pixels, width, height, live: false });
});

/** One of ours: as the file that it is, and so without a decoder of its own. */
const openExample = latest(async (_, name: string, url: string) => {
  const blob = await (await fetch(url)).blob();
  const bitmap = await createImageBitmap(blob);
  const { width, height } = bitmap;
  showBitmap(bitmap, name);
  picture.set({ name, source: blob, width, height, live: false } satisfies Picture);
});

export function startPictures(): void {
  const file = byId<HTMLInputElement>("file");
  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    if (chosen) receive(chosen);
    // So that the same file can be chosen again.
    file.value = "";
  });

  startDrops();
  document.addEventListener("paste", (event) => {
    const [pasted] = event.clipboardData?.files ?? [];
    if (pasted) receive(pasted);
  });
  byId("paste").addEventListener("click", () => void paste().catch(report));

  const list = byId("examples");
  const show = (kind: "digits" | "photographs") => {
    if (list.dataset.kind === kind) return;
    list.dataset.kind = kind;
    const examples = kind === "digits" ? digits : photographs;
    const images = examples.map(({ name }) =>
      make("img", { alt: wordsOf(name), width: 56, height: 56, draggable: "false" }),
    );
    list.replaceChildren(
      ...examples.map(({ name, url }, k) => {
        const button = make("button", { type: "button" }, images[k] as HTMLImageElement);
        button.addEventListener("click", () => openExample(name, url));
        return make("li", {}, button);
      }),
    );
    // On a first visit the network goes before what is only to be looked at.
    const load = () => {
      for (const [k, { url }] of examples.entries()) (images[k] as HTMLImageElement).src = url;
    };
    if (answer.value) load();
    else answer.on(load);
    const first = examples.find(({ name }) => /^(hot_dog|7)/.test(name)) ?? examples[0];
    if (first) openExample(first.name, first.url);
  };
  const adapt = () => show(zoo[choice.value.name].input[0] === 1 ? "digits" : "photographs");
  choice.on(adapt);
  adapt();
}

/** "hot_dog.jpg" is a hot dog, "7-0.png" the digit 7. */
function wordsOf(name: string): string {
  const stem = name.replace(/\.\w+$/, "");
  return /^\d-/.test(stem) ? `digit ${stem[0]}` : stem.replaceAll("_", " ");
}

/** Files may be dropped anywhere; dragging over what lies inside the page counts as over the page. */
function startDrops(): void {
  const page = document.documentElement;
  let depth = 0;
  const inside = (change: number) => {
    depth = change === 0 ? 0 : depth + change;
    page.classList.toggle("dropping", depth > 0);
  };
  page.addEventListener("dragenter", () => inside(1));
  page.addEventListener("dragleave", () => inside(-1));
  page.addEventListener("dragover", (event) => event.preventDefault());
  page.addEventListener("drop", (event) => {
    event.preventDefault();
    inside(0);
    const [dropped] = event.dataTransfer?.files ?? [];
    if (dropped) receive(dropped);
  });
}

async function paste(): Promise<void> {
  const items = await navigator.clipboard.read();
  for (const item of items) {
    const type = item.types.find((one) => one.startsWith("image/"));
    if (type) return receive(new File([await item.getType(type)], "the clipboard", { type }));
  }
  throw new Error("There is no picture on the clipboard: copy one first.");
}
