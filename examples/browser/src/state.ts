/** What the parts of the page share: values that tell when they change. */
import type { Classification, ImageSource, Model, ModelOptions, Tensor, ZooEntry, ZooName } from "convzoo";

export interface Signal<T> {
  readonly value: T;
  set(value: T): void;
  /** Calls the listener with each new value. */
  on(listener: (value: T) => void): void;
}

export function signal<T>(initial: T): Signal<T> {
  const listeners: ((value: T) => void)[] = [];
  let value = initial;
  return {
    get value() {
      return value;
    },
    set(next) {
      value = next;
      for (const listener of listeners) listener(next);
    },
    on: (listener) => void listeners.push(listener),
  };
}

/** What is looked at. */
export interface Picture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** The whole of it, as it is shown. */
  readonly source: ImageSource;
  /** What one classification sees instead, such as a drawing that is centred as MNIST's digits are. */
  readonly centred?: ImageSource;
  /** Whether the next one is only moments away: a camera's. */
  readonly live: boolean;
}

/** A network that was chosen, and where its weights are if not in the package. */
export interface Choice {
  readonly name: ZooName;
  readonly options?: ModelOptions;
  /** A checkpoint's file, or the name of a registered one. */
  readonly weights?: File | string;
}

export interface Loaded {
  readonly choice: Choice;
  readonly entry: ZooEntry;
  readonly model: Model;
}

/** What a network said of a picture. */
export interface Answer {
  readonly picture: Picture;
  readonly loaded: Loaded;
  readonly top: readonly Classification[];
  /** The picture as the network sees it. */
  readonly input: Tensor;
}

/** Milliseconds of the last answer: to make the picture an input, and to run the network. */
export interface Took {
  readonly prepareMs: number;
  readonly runMs: number;
}

export const picture = signal<Picture | undefined>(undefined);
export const choice = signal<Choice>({ name: "squeezenet1_1" });
export const threads = signal<number | undefined>(undefined);
export const device = signal<string | undefined>(undefined);
export const loaded = signal<Loaded | undefined>(undefined);
export const answer = signal<Answer | undefined>(undefined);
export const took = signal<Took | undefined>(undefined);

/** What lies over the picture. */
export type Shown = "picture" | "heat" | "windows";
export const shown = signal<Shown>("picture");
/** The picture's shorter side for maps, as a multiple of the network's own input. */
export const scale = signal(2);
