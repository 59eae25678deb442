/** Several models that answer as one. */
import { list, number } from "./check.js";
import type { DenseOptions } from "./dense/index.js";
import type { ScoreMap } from "./dense/score-map.js";
import { ConvzooError } from "./errors.js";
import type { ImageSource } from "./image/input.js";
import type { Classification, ClassifyOptions, Model } from "./model.js";
import type { Tensor } from "./tensor.js";

/** What an ensemble can be made of: models, and other ensembles. */
export type Classifier = Pick<Model, "classify" | "dense" | "dispose">;

/** Options of {@link ensemble}. */
export interface EnsembleOptions {
  /** How much each model counts, a number above 0 each; all the same unless given. Only their ratios matter. */
  readonly weights?: readonly number[];
}

/**
 * Models whose probabilities are averaged, as those of the ensembles with which ImageNet's competitions were won. Each
 * prepares the image as its own weights were trained; all must know the same classes in the same order.
 *
 * Throws `bad-option` for no model, or weights that are not one number above 0 a model.
 */
export function ensemble(models: readonly Classifier[], { weights }: EnsembleOptions = {}): Ensemble {
  if (!Array.isArray(models) || models.length === 0 || models.some((one) => !one?.classify)) {
    throw new ConvzooError("bad-option", "ensemble: pass an array of models, as load gives them.");
  }
  const given = list("ensemble", "weights", weights ?? models.map(() => 1), (where, name, value) =>
    number(where, name, value, 0),
  );
  if (given.length !== models.length) {
    const message = `ensemble: there are ${given.length} weights for ${models.length} models; pass one for each.`;
    throw new ConvzooError("bad-option", message);
  }
  const sum = given.reduce((a, b) => a + b);
  return new Ensemble(
    models,
    given.map((weight) => weight / sum),
  );
}

/** Made by {@link ensemble}. */
export class Ensemble {
  readonly models: readonly Classifier[];
  /** One a model; their sum is 1. */
  readonly weights: readonly number[];

  constructor(models: readonly Classifier[], weights: readonly number[]) {
    this.models = models;
    this.weights = weights;
  }

  /**
   * The most probable classes of an image by all models: `probability`, and `score` too, is the weighted mean of theirs. Names
   * are the first model's. Rejects as `Model.classify` does, and with `bad-option` where models have not as many classes.
   */
  async classify(image: ImageSource, options: ClassifyOptions = {}): Promise<Classification[]> {
    return (await import("./ensemble/classify.js")).classify(this, image, options);
  }

  /**
   * Slides all models over an image: the weighted mean of their probabilities (the softmax of their scores) at every place, on
   * the finest model's grid; `maps` has each model's. Options go to every model, so `stride` must be a multiple of each
   * network's. Rejects as `Model.dense` does, and with `bad-option` where models have not as many classes.
   */
  async dense(image: ImageSource | Tensor, options: DenseOptions = {}): Promise<ScoreMap> {
    return (await import("./ensemble/dense.js")).dense(this, image, options);
  }

  /** Disposes of all its models. */
  dispose(): void {
    for (const model of this.models) model.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
