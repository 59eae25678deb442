/** The few words of the DOM that all parts of the page use. */

/** The element with this id. Throws where the document has none: the page and its script do not fit together. */
export function byId<T extends Element = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element #${id}.`);
  return found as unknown as T;
}

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A new element; an attribute that is undefined or false is left out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : `${value}`);
  }
  element.append(...children);
  return element;
}

/** The 2D context of a canvas. Throws where the browser has none to give. */
export function context2d(
  canvas: HTMLCanvasElement,
  settings?: CanvasRenderingContext2DSettings,
): CanvasRenderingContext2D {
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error("This browser gives no canvas to draw on.");
  return context;
}

/** Radio buttons in a fieldset, the names of which are their values; `onPick` hears of a user's choice. */
export function radios(
  fieldset: HTMLElement,
  name: string,
  values: readonly string[],
  picked: string,
  onPick: (value: string) => void,
): void {
  for (const old of fieldset.querySelectorAll("label")) old.remove();
  for (const value of values) {
    const input = make("input", { type: "radio", name, value, checked: value === picked });
    input.addEventListener("change", () => onPick(value));
    fieldset.append(make("label", {}, input, make("span", {}, value)));
  }
}
