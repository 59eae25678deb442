/** What a dense prediction gives: a map of scores for each class, and where its cells lie in the image. */
import { closest } from "fastest-levenshtein";
import { ConvzooError } from "../errors.js";
import { type RawPixels, toPixels } from "../image/pixels.js";
import type { Tensor } from "../tensor.js";
import { type Colormap, paint, paintOver, type RgbaImage } from "./colour.js";
import { type Box, boxAround, type Grid, sampleImage } from "./grid.js";
import { findPeaks, type Peak } from "./peaks.js";

/** Options of {@link ScoreMap.heat}. */
export interface HeatOptions {
  /** "viridis" by default. */
  readonly colormap?: Colormap;
  /** The picture's size; by default a pixel a cell. */
  readonly width?: number;
  readonly height?: number;
  /** The scores that have the first and the last colour; by default the least and the greatest of the map. */
  readonly range?: readonly [number, number];
}

/** Options of {@link ScoreMap.overlay}. */
export interface OverlayOptions {
  /** "turbo" by default. */
  readonly colormap?: Colormap;
  /** How much of the image the highest score hides, from 0 to 1; 0.7 by default. */
  readonly opacity?: number;
  /** The scores that are invisible and that have the last colour; by default the least and the greatest of the map. */
  readonly range?: readonly [number, number];
}

/** Options of {@link ScoreMap.peaks}. */
export interface PeakOptions {
  /** The least score; by default midway between the least and the greatest of the map. */
  readonly threshold?: number;
  /** How much windows may overlap, intersection over union, from 0 to 1; 0.3 by default. */
  readonly nms?: number;
}

/** What a map is made of. */
export interface ScoreMapParts {
  readonly scores: Tensor;
  readonly grid: Grid;
  /** The index of each map's class. */
  readonly classes: readonly number[];
  /** The names of all classes by index, if they have names. */
  readonly labels?: readonly string[];
  /** The map of each scale, or of each model, where there are several. */
  readonly maps?: readonly ScoreMap[];
  /** How much each of `maps` counts; all the same unless given. Their sum is 1. */
  readonly weights?: readonly number[];
  readonly areProbabilities?: boolean;
}

/** What a map was made of. */
export let partsOf: (map: ScoreMap) => ScoreMapParts;

/**
 * Scores of every class (or of those that were asked for) at every cell of a grid over an image. A class is named by its
 * label or by its index. Places are in pixels of the image given, whatever the scales.
 *
 * All methods throw a ConvzooError: `unknown-class` for a class that the map does not have, `bad-option` for an option that
 * has no meaning.
 */
export class ScoreMap {
  /** [classes, h, w]: the network's own scores, before a softmax if it ends with none. */
  readonly scores: Tensor;
  /** The index of each map's class, in the order of `scores`. */
  readonly classes: readonly number[];
  /** Pixels from a cell to the one below. */
  readonly stride: number;
  /** The map of each scale, or of each model of an ensemble; this one where there is one. */
  readonly maps: readonly ScoreMap[];
  /** Whether the scores are probabilities: those of an ensemble, or of a network that ends with a softmax. */
  readonly areProbabilities: boolean;
  readonly #parts: ScoreMapParts;
  readonly #grid: Grid;
  readonly #labels: readonly string[] | undefined;

  /** Maps are made by `model.dense` and `model.occlusion`. */
  constructor(parts: ScoreMapParts) {
    const { scores, grid, classes, labels, maps, areProbabilities = false } = parts;
    this.scores = scores;
    this.classes = classes;
    this.stride = grid.rows.step;
    this.maps = maps ?? [this];
    this.areProbabilities = areProbabilities;
    this.#parts = parts;
    this.#grid = grid;
    this.#labels = labels;
  }

  static {
    partsOf = (map) => map.#parts;
  }

  /** The part of the image that cell (row i, column j) sees: whatever changes its score lies in it. */
  box(i: number, j: number): Box {
    const { rows, columns } = this.#grid;
    checkCell("i", i, rows.count);
    checkCell("j", j, columns.count);
    const boxes = [boxAround(this.#grid, i, j, "field")];
    if (this.#parts.maps) {
      // A merged cell lies between up to four cells of each map and sees what they see.
      const [y, x] = [rows.centre + i * rows.step, columns.centre + j * columns.step];
      for (const map of this.maps) {
        const grid = map.#grid;
        for (const k of around(grid.rows, y))
          for (const l of around(grid.columns, x)) boxes.push(map.box(k, l));
      }
    }
    const [left, top] = [Math.min(...boxes.map((b) => b.x)), Math.min(...boxes.map((b) => b.y))];
    const right = Math.max(...boxes.map((b) => b.x + b.width));
    const bottom = Math.max(...boxes.map((b) => b.y + b.height));
    return { x: left, y: top, width: right - left, height: bottom - top };
  }

  /** The map of one class, [h, w]; a view of `scores`. */
  at(label: number | string): Tensor {
    const [, h = 0, w = 0] = this.scores.shape;
    const place = this.classes.indexOf(classIndex(label, this.#labels));
    if (place < 0) {
      const message = `The map does not have class ${JSON.stringify(label)}: it was not among the classes asked for.`;
      throw new ConvzooError("unknown-class", message);
    }
    return { shape: [h, w], data: this.scores.data.subarray(place * h * w, (place + 1) * h * w) };
  }

  /** The name of a class by its index: its label, or "class 7" where the classes have no names. */
  label(index: number): string {
    this.at(index);
    return this.#labels?.[index] ?? `class ${index}`;
  }

  /** The score of each class averaged over the map, in the order of `classes`. */
  mean(): Float32Array {
    return this.#reduce((map) => map.reduce((sum, score) => sum + score, 0) / map.length);
  }

  /**
   * The greatest score of each class anywhere on the map, averaged over the scales (or models), in the order of `classes`:
   * how OverFeat (arXiv 1312.6229, section 3.3) makes one prediction of its six scales.
   */
  max(): Float32Array {
    const sums = new Float64Array(this.classes.length);
    for (const [m, map] of this.maps.entries()) {
      const greatest = map.#reduce((scores) => scores.reduce((a, b) => Math.max(a, b)));
      const weight = this.#parts.weights?.[m] ?? 1 / this.maps.length;
      for (const [c, score] of greatest.entries()) sums[c]! += weight * score;
    }
    return Float32Array.from(sums);
  }

  #reduce(of: (map: Float32Array) => number): Float32Array {
    return Float32Array.from(this.classes, (index) => of(this.at(index).data));
  }

  /** The map of one class on `height` x `width` pixels that cover the image, bilinearly between the cells' centres: [h, w]. */
  upsample(label: number | string, width: number, height: number): Tensor {
    checkSide("width", width);
    checkSide("height", height);
    return { shape: [height, width], data: sampleImage(this.at(label).data, this.#grid, width, height) };
  }

  /** The map of one class as a picture: a pixel a cell, or `width` x `height` that cover the image. */
  heat(label: number | string, options: HeatOptions = {}): RgbaImage {
    const { colormap = "viridis", width, height } = options;
    const map = this.at(label);
    const range = checkRange(options.range) ?? rangeOf(map.data);
    if (width === undefined && height === undefined)
      return paint(map.data, [map.shape[1]!, map.shape[0]!], range, colormap);
    if (width === undefined || height === undefined)
      throw new ConvzooError("bad-option", "heat takes both width and height, or none of them.");
    return paint(this.upsample(label, width, height).data, [width, height], range, colormap);
  }

  /**
   * The image, as `decode` gives it (or a smaller copy), under the map of one class: the higher the score, the more of the
   * image is hidden.
   */
  overlay(image: RawPixels, label: number | string, options: OverlayOptions = {}): RgbaImage {
    const { colormap = "turbo", opacity = 0.7 } = options;
    if (!(opacity >= 0 && opacity <= 1))
      throw new ConvzooError("bad-option", `opacity is a number from 0 to 1, not ${String(opacity)}.`);
    const { width, height, data } = toPixels(image);
    const range = checkRange(options.range) ?? rangeOf(this.at(label).data);
    const values = this.upsample(label, width, height).data;
    return paintOver(data, values, [width, height], range, { colormap, opacity });
  }

  /**
   * Where the class scores highest, the highest first: each cell of at least `threshold` whose window (as much of the image
   * as the network's own input holds, around the cell) overlaps that of no higher peak by more than `nms`. At most 1000.
   */
  peaks(label: number | string, options: PeakOptions = {}): readonly Peak[] {
    const map = this.at(label).data;
    const [least, greatest] = rangeOf(map);
    const { threshold = (least + greatest) / 2, nms = 0.3 } = options;
    if (typeof threshold !== "number" || Number.isNaN(threshold))
      throw new ConvzooError("bad-option", `threshold is a score, not ${String(threshold)}.`);
    if (!(nms >= 0 && nms <= 1))
      throw new ConvzooError("bad-option", `nms is a number from 0 to 1, not ${String(nms)}.`);
    return findPeaks(map, this.#grid, threshold, nms);
  }
}

/** The cells on both sides of a place, or the outermost. */
function around(axis: Grid["rows"], place: number): readonly number[] {
  const cell = Math.min(axis.count - 1, Math.max(0, (place - axis.centre) / axis.step));
  return [Math.floor(cell), Math.ceil(cell)];
}

/** A class by name or index. Throws `unknown-class`, also for a name that several classes have. */
export function classIndex(label: number | string, labels: readonly string[] | undefined): number {
  if (typeof label === "number") return label;
  const found = labels?.flatMap((name, index) => (name === label ? [index] : [])) ?? [];
  if (found.length === 1) return found[0]!;
  let why = `There is no class ${JSON.stringify(label)}`;
  if (found.length > 1)
    why = `Classes ${found.join(" and ")} are both called ${JSON.stringify(label)}; use an index`;
  else if (!labels) why = "The classes of this model have no names; use an index, or pass labels to load";
  else if (typeof label === "string") why += `; the nearest is ${JSON.stringify(closest(label, labels))}`;
  throw new ConvzooError("unknown-class", `${why}.`);
}

function rangeOf(map: Float32Array): [number, number] {
  return [map.reduce((a, b) => Math.min(a, b)), map.reduce((a, b) => Math.max(a, b))];
}

function checkRange(range: readonly [number, number] | undefined): readonly [number, number] | undefined {
  if (range === undefined) return undefined;
  if (Array.isArray(range) && range.length === 2 && range.every(Number.isFinite)) return range;
  throw new ConvzooError("bad-option", "range is a pair of scores, [low, high].");
}

function checkCell(name: string, k: number, count: number): void {
  if (Number.isInteger(k) && k >= 0 && k < count) return;
  throw new ConvzooError("bad-option", `${name} is a whole number from 0 to ${count - 1}, not ${String(k)}.`);
}

function checkSide(name: string, side: number): void {
  if (Number.isInteger(side) && side > 0 && side <= 65_535) return;
  throw new ConvzooError("bad-option", `${name} is a whole number from 1 to 65535, not ${String(side)}.`);
}
