// The lecture's script (slide 10): AlexNet on a picture, the first twelve classes.
//
//   npx tsx examples/node/lecture.ts [PICTURE] --weights alexnet.safetensors
//
// AlexNet's weights are 244 MB and do not come with the package: give a file with torchvision's keys. Without one the
// network is as its constructor leaves it, and the classes mean nothing. `--model squeezenet1_1` runs the same script with a
// network whose weights are here. Node from 22.18 on runs this file without tsx.
//
// What differs from the slide and PyTorch of 2020:
// - `pretrained = True` is `weights=` in PyTorch today, and a path or URL here.
// - There is no `eval()`: dropout does nothing, and batch norm uses what it has learned.
// - The picture keeps its size, as on the slide. AlexNet takes any since its average pooling became adaptive (torchvision 0.2.2):
//   the 6 x 6 cells in front of the classifier then are means of larger regions.
// - `img.std()` divides by n - 1, as it does there; mean and deviation are summed exactly, there in float32.
// - Class names are short ones: "Labrador retriever", where the slide's file lists every synonym.
import { parseArgs } from "node:util";
import { load, stateShapes, transforms, type ZooName, zoo } from "convzoo";
import { generator } from "convzoo/augment";

const { values, positionals } = parseArgs({
  options: { weights: { type: "string" }, model: { type: "string", default: "alexnet" } },
  allowPositionals: true,
});
const picture = positionals[0] ?? new URL("../images/bird.png", import.meta.url);

// Load and normalize the image: 0.5 + 0.5 * (img - img.mean()) / img.std()
const name = values.model as ZooName;
const untrained = !values.weights && name in zoo && Object.keys(zoo[name].weights).length === 0;
if (untrained) console.error(`${name} is untrained: pass --weights FILE, or --model squeezenet1_1.`);
const weights = untrained ? initialWeights(name) : values.weights;
const model = await load(name, { weights, preprocess: transforms.lecture });
const img = await model.prepare(picture);

// Load and evaluate the network
const output = await model.run(img);

// Print the classes
const [classes] = await model.rank(output, { topk: 12 });
for (const [k, { score, label }] of classes!.entries()) console.log(`#${k + 1} ${score.toFixed(2)} ${label}`);
model.dispose();

/** What PyTorch's constructors begin with: uniform between plus and minus 1 / sqrt(inputs of an output). */
function initialWeights(name: ZooName) {
  const random = generator(0);
  let bound = 0;
  const filled = [...stateShapes(zoo[name].build())].map(([key, { shape }]) => {
    const [outputs = 1, ...inputs] = shape;
    const fan = inputs.reduce((product, side) => product * side, 1);
    // A bias comes behind its weight, and has its bound.
    if (inputs.length > 0) bound = 1 / Math.sqrt(fan);
    const data = Float32Array.from({ length: outputs * fan }, () => (2 * random() - 1) * bound);
    return [key, { shape, data }] as const;
  });
  return new Map(filled);
}
