/**
 * How an ONNX value shows what a layer gave. Reshapes and transpositions move no number: they only change the view, until
 * an operator reads the value in a form that a layer must make (a flatten, a shuffle of channels).
 */

/** A size: a number, or a name for one that only a run knows. */
export type Dim = number | string;

/** A part of one axis of the layer's result: `at` is the axis (0 the batch, 1 the channels or features), then the part of it. */
export interface Atom {
  readonly size: Dim;
  readonly at: readonly number[];
}

/** The ONNX value's dimensions, each made of parts of the layer's axes in this order; one of size 1 is made of none. */
export type View = readonly (readonly Atom[])[];

export const BATCH = 0;
export const CHANNELS = 1;

/** The view of a result as it is: [N, C, H, W] or [N, F]. */
export function viewOf(shape: readonly Dim[]): View {
  return shape.map((size, axis) => axisOf(size, axis));
}

/** A dimension that is a whole axis. The batch stays even where it is 1, since any other may be run. */
export const axisOf = (size: Dim, axis: number): readonly Atom[] =>
  size === 1 && axis !== BATCH ? [] : [{ size, at: [axis] }];

/** The sizes that ONNX sees. */
export function dimsOf(view: View): Dim[] {
  return view.map((group) => product(group.map(({ size }) => size)));
}

/** Two unknown sizes give a name that says so. */
export function product(sizes: readonly Dim[]): Dim {
  const known = sizes.filter((size) => typeof size === "number").reduce((a, b) => a * b, 1);
  const names = sizes.filter((size) => typeof size === "string");
  return names.length === 0 ? known : [...(known === 1 ? [] : [known]), ...names].join("*");
}

/** Whether a dimension is exactly one axis of the result, in order. */
export function isAxis(view: View, group: readonly Atom[] | undefined, axis: number): boolean {
  return group?.every(({ at }) => at[0] === axis) === true && isInOrder(group) && holdsAll(view, group, axis);
}

/** Whether no other dimension has a part of the axis. */
function holdsAll(view: View, group: readonly Atom[], axis: number): boolean {
  return view.every((other) => other === group || other.every(({ at }) => at[0] !== axis));
}

/**
 * The axis that a dimension is, or -1. A dimension of size 1 may be any axis of size 1: the one of its own place, if that
 * has no other.
 */
export function axisAt(view: View, index: number): number {
  const group = view[index];
  const axis = group?.[0]?.at[0] ?? index;
  return isAxis(view, group, axis) ? axis : -1;
}

/** The view with another size for a dimension that is a whole axis. */
export function withSize(view: View, index: number, axis: number, size: Dim): View {
  return view.map((group, i) => (i === index ? axisOf(size, axis) : group));
}

/** Whether the parts lie one after another in memory. */
export function isInOrder(group: readonly Atom[]): boolean {
  return group.every((atom, i) => i === 0 || compare(group[i - 1] as Atom, atom) < 0);
}

export function compare(a: Atom, b: Atom): number {
  const length = Math.max(a.at.length, b.at.length);
  for (let i = 0; i < length; i++) {
    const difference = (a.at[i] ?? -1) - (b.at[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether two values show results in the same way, whatever the sizes. */
export function sameView(a: View, b: View): boolean {
  const places = (view: View) => JSON.stringify(view.map((group) => group.map(({ at }) => at)));
  return places(a) === places(b);
}

/**
 * The view under other dimensions, which may hold one -1 for what is left; undefined where that cuts through a size that
 * is not known, or where the counts differ.
 */
export function reshaped(view: View, dims: readonly Dim[]): View | undefined {
  const atoms = view.flat();
  const rest = dims.indexOf(-1);
  const before = takeAll(atoms, rest < 0 ? dims : dims.slice(0, rest), "first");
  if (!before) return undefined;
  if (rest < 0) return atoms.length === 0 ? before : undefined;
  const after = takeAll(atoms, dims.slice(rest + 1).reverse(), "last");
  return after && [...before, atoms, ...[...after].reverse()];
}

/** Takes one dimension after another out of `atoms`, from its start or its end. */
function takeAll(atoms: Atom[], dims: readonly Dim[], end: "first" | "last"): View | undefined {
  const groups = dims.map((dim) => take(atoms, dim, end));
  return groups.every((group) => group !== undefined) ? groups : undefined;
}

function take(atoms: Atom[], dim: Dim, end: "first" | "last"): Atom[] | undefined {
  const group: Atom[] = [];
  const put = (atom: Atom) => (end === "first" ? group.push(atom) : group.unshift(atom));
  const back = (atom: Atom) => (end === "first" ? atoms.unshift(atom) : atoms.push(atom));
  // A batch of one fills a dimension of one.
  if (dim === 1 && atoms[0]?.size === 1 && (end === "first" || atoms.length === 1)) return atoms.splice(0, 1);
  let wanted = dim;
  while (wanted !== 1) {
    const atom = end === "first" ? atoms.shift() : atoms.pop();
    if (!atom) return undefined;
    const { size } = atom;
    if (size === wanted) {
      put(atom);
      return group;
    }
    if (typeof size !== "number" || typeof wanted !== "number") return undefined;
    if (wanted % size === 0) {
      put(atom);
      wanted /= size;
    } else if (size % wanted === 0) {
      const [first, last] = end === "first" ? [wanted, size / wanted] : [size / wanted, wanted];
      const halves = [first, last].map((half, i) => ({ size: half, at: [...atom.at, i] }));
      put(halves[end === "first" ? 0 : 1] as Atom);
      back(halves[end === "first" ? 1 : 0] as Atom);
      return group;
    } else return undefined;
  }
  return group;
}
