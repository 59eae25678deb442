/** What convolutionizing changes in a network. */
import { ConvzooError, convolutionize, describe, type Layer, type Net } from "convzoo";

/** A layer that becomes another, or goes. */
export interface Rewrite {
  readonly path: string;
  readonly from: string;
  readonly to: string;
}

/** The layers that change, in PyTorch's words; or why there is no convolutional form. */
export function rewrites(
  net: Net,
  input: readonly number[],
): readonly Rewrite[] | { readonly refused: string } {
  let made: Net;
  try {
    made = convolutionize(net, input, { pooling: "window" });
  } catch (error) {
    if (error instanceof ConvzooError) return { refused: `${error.code}: ${error.message}` };
    throw error;
  }
  const after = leaves(made);
  return [...leaves(net)].flatMap(([path, from]) => {
    const to = after.get(path) ?? "no longer needed";
    return from === to ? [] : [{ path, from, to }];
  });
}

/** Every layer that is no container, by its path, as PyTorch prints it. */
function leaves(layer: Layer, path = ""): Map<string, string> {
  if (layer.op !== "module") return new Map([[path, describe(layer)]]);
  const children = Object.entries(layer.children);
  return new Map(children.flatMap(([name, child]) => [...leaves(child, path ? `${path}.${name}` : name)]));
}
