/** Layers inside of modules, by path. */
import type { Layer, Module } from "../layers.js";

/** The child of this name, or what a path of names leads to; undefined where there is none. */
export function layerAt(owner: Pick<Module, "children">, path: string): Layer | undefined {
  if (Object.hasOwn(owner.children, path)) return owner.children[path];
  const dot = path.indexOf(".");
  const child = dot > 0 ? layerAt(owner, path.slice(0, dot)) : undefined;
  return child?.op === "module" ? layerAt(child, path.slice(dot + 1)) : undefined;
}
