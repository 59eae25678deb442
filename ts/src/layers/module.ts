/** Modules: children under names, and the steps that run them. */
import { deepFreeze, integer } from "../check.js";
import { print } from "../describe.js";
import { ConvzooError } from "../errors.js";
import type { Call, Join, Keep, Layer, Module, Net, Step, Take } from "../layers.js";
import { layerAt } from "./path.js";

const join =
  (op: Join["op"]) =>
  (...branches: readonly (readonly Step[])[]): Join => {
    if (branches.length < 2 || !branches.every(Array.isArray)) {
      throw new ConvzooError("bad-net", `${op}: pass two or more branches, each an array of steps.`);
    }
    if (op === "mul" && branches.length > 2)
      throw new ConvzooError("bad-net", "mul: pass two branches, each an array of steps.");
    return deepFreeze({ op, branches: branches.map((steps) => [...steps]) });
  };

/** Branches that read the same value, joined along the channels in order. Throws `bad-net` for fewer than two. */
export const concat = join("concat");
/** Branches that read the same value and give values of one shape, added. Throws `bad-net` for fewer than two. */
export const add = join("add");
/**
 * Two branches that read the same value, multiplied; the second gives the first's shape, or [C, 1, 1], a factor a
 * channel. Throws `bad-net` for another number of branches.
 */
export const mul = join("mul");

/** Keeps the value under a name, for {@link take} and {@link call} in later steps of the same module. */
export function keep(name: string): Keep {
  return deepFreeze({ op: "keep", name });
}

/** Goes on with the value kept under this name. */
export function take(name: string): Take {
  return deepFreeze({ op: "take", name });
}

/**
 * Runs a child that reads more than one value: the present one, and in `values` those that it takes, by the names
 * it takes them by; each is the name of a value kept here.
 */
export function call(child: string, values: Readonly<Record<string, string>>): Call {
  return deepFreeze({ op: "call", child, values: { ...values } });
}

/**
 * Sequential: runs its layers in order. They are named "0", "1", ... or by the keys of the one record given.
 */
export function sequential(...layers: readonly Layer[]): Module;
export function sequential(layers: Readonly<Record<string, Layer>>): Module;
export function sequential(...layers: readonly (Layer | Readonly<Record<string, Layer>>)[]): Module {
  const [first] = layers;
  const named = layers.length === 1 && isRecord(first) && typeof first.op !== "string";
  const children = (named ? first : { ...layers }) as Readonly<Record<string, Layer>>;
  return module("Sequential", children, Object.keys(children));
}

/**
 * A module of class `type`. `forward` is what runs, in order: names of children, `flatten()` and other layers
 * without weights, `concat(...)` and its like. A path, "features.0", runs a layer inside of a child. A child that it
 * does not name is part of the checkpoint but never runs.
 *
 * JavaScript puts keys that are whole numbers first and in ascending order, so number children upwards.
 *
 * Throws `bad-net` where a name is empty or has a dot, a child is no layer, or `forward` names a child that
 * is not there.
 */
export function module(
  type: string,
  children: Readonly<Record<string, Layer>>,
  forward: readonly Step[],
): Module {
  return finish(parts(type, children, forward));
}

/**
 * A {@link module} that is a whole network and reads [inChannels, H, W]. Throws as `module` does, and
 * `bad-option`.
 */
export function net(
  type: string,
  children: Readonly<Record<string, Layer>>,
  forward: readonly Step[],
  options: Pick<Net, "inChannels" | "dense">,
): Net {
  const inChannels = integer("net", "inChannels", options?.inChannels, 1);
  const dense = options.dense && { dense: options.dense };
  return finish({ ...parts(type, children, forward), inChannels, ...dense });
}

type Parts = Omit<Module, "toString">;

function parts(type: string, children: Readonly<Record<string, Layer>>, forward: readonly Step[]): Parts {
  if (typeof type !== "string" || type === "" || !isRecord(children) || !Array.isArray(forward)) {
    const wanted = "a class name, an object with its children, and an array with the steps of its forward";
    throw new ConvzooError("bad-net", `module: pass ${wanted}.`);
  }
  return { op: "module", type, children: { ...children }, forward: [...forward] };
}

function finish<T extends Parts>(made: T): T {
  for (const [name, child] of Object.entries(made.children)) {
    if (name === "" || name.includes(".")) {
      const message = `${made.type}: a child cannot be named "${name}", since it is a part of a key.`;
      throw new ConvzooError("bad-net", message);
    }
    if (!isLayer(child)) {
      const message = `${made.type}: its child "${name}" is not a layer; make it with a builder.`;
      throw new ConvzooError("bad-net", message);
    }
  }
  checkSteps(made, made.forward);
  // Not enumerable, so that the net compares, clones and serialises as the plain data it is.
  Object.defineProperty(made, "toString", { value: () => print(made) });
  return deepFreeze(made);
}

function checkSteps(owner: Parts, steps: readonly Step[]): void {
  for (const step of steps) {
    if (typeof step === "string" || isStep(step, "call")) {
      const child = typeof step === "string" ? step : step.child;
      if (layerAt(owner, child)) continue;
      const names = Object.keys(owner.children).join(", ") || "none";
      const message = `${owner.type}: forward names "${child}", but its children are: ${names}.`;
      throw new ConvzooError("bad-net", message);
    }
    if (isStep(step, "concat", "add", "mul") && Array.isArray(step.branches)) {
      for (const branch of step.branches) checkSteps(owner, branch);
    } else if (!isStep(step, "keep", "take") && (!isLayer(step) || HAS_KEYS[step.op])) {
      const advice = "make it a child and name it, since a checkpoint key needs a name";
      const message = `${owner.type}: a step of forward is no layer or holds weights; ${advice}.`;
      throw new ConvzooError("bad-net", message);
    }
  }
}

/** Whether a layer has weights of its own, or children that may have, and so needs a name. */
const HAS_KEYS: Readonly<Record<Layer["op"], boolean>> = {
  conv2d: true,
  linear: true,
  activation: false,
  prelu: true,
  batch_norm2d: true,
  layer_norm2d: true,
  local_response_norm: false,
  layer_scale: true,
  max_pool2d: false,
  avg_pool2d: false,
  adaptive_avg_pool2d: false,
  adaptive_max_pool2d: false,
  softmax: false,
  log_softmax: false,
  flatten: false,
  pad2d: false,
  channel_shuffle: false,
  slice: false,
  pad_channels: false,
  affine: false,
  dropout: false,
  stochastic_depth: false,
  identity: false,
  module: true,
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
const isLayer = (value: unknown): value is Layer =>
  isRecord(value) && Object.hasOwn(HAS_KEYS, value.op as string);
const isStep = <T extends Exclude<Step, string>["op"]>(
  step: Step,
  ...ops: readonly T[]
): step is Extract<Step, { op: T }> => isRecord(step) && (ops as readonly unknown[]).includes(step.op);
