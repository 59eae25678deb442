/** The table of networks: sizes, published accuracy, and where weights are. */
import { type Checkpoint, type ZooEntry, type ZooName, zoo } from "convzoo";
import { receiveCheckpoint } from "./checkpoint.js";
import { byId, make } from "./dom.js";
import { report } from "./problem.js";
import { choice } from "./state.js";
import { megabytes, shape, short } from "./text.js";

const dialog = byId<HTMLDialogElement>("picker");
const foot = byId("picker-foot");

interface Row {
  readonly name: ZooName;
  readonly cells: readonly (string | number | undefined)[];
  readonly element: HTMLTableRowElement;
}

/** Heading, how its numbers are written, and which way they are sorted first. */
const COLUMNS = [
  ["network", String, 1],
  ["year", String, 1],
  ["input", String, 1],
  ["parameters", short, 1],
  ["multiply-adds", short, 1],
  ["top-1", (n: number) => `${n.toFixed(1)} %`, -1],
  ["weights", String, 1],
] as const;
/** What the column says of weights that come with the package. */
const HERE = "in this page";
const NUMBERS = [1, 3, 4, 5];

let rows: readonly Row[] = [];

export function startPicker(): void {
  byId("network").addEventListener("click", () => {
    if (rows.length === 0) fill();
    mark();
    foot.replaceChildren(...notice());
    dialog.showModal();
    byId("find").focus();
  });
  byId("picker-close").addEventListener("click", () => dialog.close());
  byId("find").addEventListener("input", filter);
}

/** Its registered checkpoint of which the bytes come with the package, the default one else. */
function checkpointOf(name: ZooName): readonly [string, Checkpoint] | undefined {
  const all = Object.entries(zoo[name].weights as Readonly<Record<string, Checkpoint>>);
  return all.find(([, { url }]) => isHere(url())) ?? all[0];
}

const isHere = (url: URL | string): boolean => new URL(url, location.href).origin === location.origin;

function weightsOf(name: ZooName): string {
  const found = checkpointOf(name);
  if (!found) return "your file";
  const [, { url, bytes = 0 }] = found;
  return isHere(url()) ? HERE : `${megabytes(bytes)} download`;
}

function fill(): void {
  rows = (Object.keys(zoo) as ZooName[]).map((name) => {
    const { year, input, params, macs, published }: ZooEntry = zoo[name];
    const cells = [name, year, shape(input), params, macs, published.top1, weightsOf(name)];
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", () => pick(name));
    const written = cells.map((cell, k) => {
      const write = COLUMNS[k]![1] as (cell: string | number) => string;
      return cell === undefined ? "" : write(cell);
    });
    const [, ...rest] = written;
    const tds = rest.map((text, k) =>
      make("td", { class: NUMBERS.includes(k + 1) ? "number" : undefined }, text),
    );
    return { name, cells, element: make("tr", {}, make("th", { scope: "row" }, button), ...tds) };
  });
  // What works at once comes first.
  rows = rows.filter(isAtOnce).concat(rows.filter((row) => !isAtOnce(row)));
  byId("picker-columns").replaceChildren(
    ...COLUMNS.map(([name, , first], column) => {
      const button = make("button", { type: "button" }, name);
      const head = make(
        "th",
        { scope: "col", class: NUMBERS.includes(column) ? "number" : undefined },
        button,
      );
      button.addEventListener("click", () => sort(head, column, first));
      return head;
    }),
  );
  byId("picker-rows").replaceChildren(...rows.map(({ element }) => element));
}

const isAtOnce = ({ cells }: Row): boolean => cells.at(-1) === HERE;

function sort(head: HTMLElement, column: number, first: number): void {
  const before = head.getAttribute("aria-sort");
  const way = before ? (before === "ascending" ? -1 : 1) : first;
  for (const other of byId("picker-columns").children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
  const compare = (a: Row, b: Row) => {
    const [x, y] = [a.cells[column], b.cells[column]];
    // What is not known comes last, whichever way.
    if (x === undefined || y === undefined) return x === y ? 0 : x === undefined ? 1 : -1;
    if (typeof x === "number" && typeof y === "number") return way * (x - y);
    return way * String(x).localeCompare(String(y), "en", { numeric: true });
  };
  rows = [...rows].sort(compare);
  byId("picker-rows").replaceChildren(...rows.map(({ element }) => element));
}

function filter(): void {
  const wanted = byId<HTMLInputElement>("find").value.trim().toLowerCase();
  for (const { name, element } of rows)
    element.hidden = !`${name} ${zoo[name].family} ${zoo[name].paper}`.toLowerCase().includes(wanted);
}

function mark(): void {
  for (const { name, element } of rows) {
    if (name === choice.value.name) element.setAttribute("aria-current", "true");
    else element.removeAttribute("aria-current");
  }
}

const notice = (): readonly (Node | string)[] => [
  make(
    "p",
    {},
    "Networks with weights in this page work at once. Others need a download, or a checkpoint file that you have.",
  ),
];

/** Takes a network whose weights are here; of another, says what there is. */
function pick(name: ZooName): void {
  const found = checkpointOf(name);
  if (found && isHere(found[1].url())) {
    choice.set({ name });
    dialog.close();
    return;
  }
  const said = [make("p", {}, make("strong", {}, name), " has no weights in this page.")];
  const tools = make("div", { class: "tools" });
  if (found) {
    const [weights, { url, bytes = 0, note }] = found;
    const address = new URL(url());
    const button = make("button", { type: "button" }, `Download ${weights}, ${megabytes(bytes)}`);
    button.addEventListener("click", () => {
      choice.set({ name, weights });
      dialog.close();
    });
    tools.append(button);
    const link = make("a", { href: address.href }, address.host);
    said.push(make("p", {}, "From ", link, `, kept by the browser afterwards. ${note ?? ""}`));
  } else said.push(make("p", {}, "There is none to download, either."));
  const file = make("input", { type: "file", accept: ".pth,.pt,.th,.bin,.safetensors,.npz" });
  file.addEventListener("change", () => {
    const [chosen] = file.files ?? [];
    if (!chosen) return;
    dialog.close();
    receiveCheckpoint(chosen, name).catch(report);
  });
  tools.append(make("label", { class: "button" }, "Open a .pth or .safetensors file", file));
  foot.replaceChildren(...said, tools);
}
