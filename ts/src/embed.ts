/** The vector before the classifier. Loaded when first needed. */
import { ConvzooError } from "./errors.js";
import type { Graph, GraphNode } from "./graph.js";
import type { ImageSource } from "./image/input.js";
import { stack, type Tensor } from "./tensor.js";

type Inner = Exclude<GraphNode, { op: "input" }>;

/** What may stand between the classifier and the output, and leaves each class to itself. */
const BEHIND: readonly GraphNode["op"][] = [
  ...(["softmax", "log_softmax", "activation", "flatten"] as const),
  ...(["avg_pool2d", "adaptive_avg_pool2d", "max_pool2d", "adaptive_max_pool2d"] as const),
];

/** The node whose output the classifier reads: the last linear layer, or 1 x 1 convolution. Throws `no-embedding`. */
export function embeddingNode({ nodes, output }: Graph): number {
  let node = nodes[output]!;
  while (node.op !== "input" && BEHIND.includes(node.op)) node = nodes[node.inputs[0]!]!;
  if (node.op === "linear" || (node.op === "conv2d" && node.kernel[0] * node.kernel[1] === 1)) {
    return node.inputs[0]!;
  }
  throw new ConvzooError("no-embedding", `The network has no vector before its classifier: ${why(node)}.`);
}

function why(node: GraphNode): string {
  if (node.op === "input") return "no layer has weights";
  const name = node.path ? `"${node.path}"` : "its last step";
  switch (node.op) {
    case "conv2d":
      return `its last layer, ${name}, is a convolution of ${node.kernel.join(" x ")} and reads a whole region`;
    case "add":
    case "affine":
    case "concat":
    case "mul":
      return `${name} brings together the outputs of several classifiers; load one of them as a network of its own`;
    default:
      return `it ends in ${name} (${(node satisfies Inner).op}) and not in a linear layer; ask \`run\` for the output you want`;
  }
}

/** Images that run together; the engine takes no more at a time. */
const TOGETHER = 8;

/** The embeddings of images, [N, features]. Images that come out in different sizes run one by one. */
export async function embeddings(
  images: readonly ImageSource[],
  by: {
    readonly prepare: (image: ImageSource) => Promise<Tensor>;
    readonly run: (input: Tensor) => Promise<Tensor>;
  },
): Promise<Tensor> {
  if (images.length === 0) throw new ConvzooError("bad-option", "embed wants at least one image.");
  const rows: Tensor[] = [];
  for (let first = 0; first < images.length; first += TOGETHER) {
    const inputs = await Promise.all(images.slice(first, first + TOGETHER).map(by.prepare));
    const sizes = new Set(inputs.map(({ shape }) => shape.join()));
    const batches = sizes.size === 1 ? [stack(inputs)] : inputs;
    for (const batch of batches) rows.push(pooled(await by.run(batch)));
  }
  return stack(rows);
}

/** Each channel of a map averaged; a vector as it is. */
function pooled({ shape, data }: Tensor): Tensor {
  const [images = 0, channels = 0] = shape;
  const area = data.length / (images * channels);
  if (area === 1) return { shape: [images, channels], data };
  const means = Float32Array.from({ length: images * channels }, (_, i) => {
    const map = data.subarray(i * area, (i + 1) * area);
    return map.reduce((sum, value) => sum + value, 0) / area;
  });
  return { shape: [images, channels], data: means };
}
