/** What people write: the server's configuration, the lists of `convzoo bulk`, and options, which a configuration may hold. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve, sep } from "node:path";
import { inputs } from "../../../src/bulk/inputs.js";
import { readYaml } from "../../../src/config/yaml.js";
import { convolutionize } from "../../../src/convolutionize.js";
import { checkPreprocess } from "../../../src/image/checks.js";
import type { PreprocessOptions } from "../../../src/image/preprocess.js";
import { fromOnnx } from "../../../src/onnx/index.js";
import { configReader, nameOf } from "../../../src/serve/config.js";
import { zoo } from "../../../src/zoo/index.js";
import { onnxBytes } from "../../onnx-cases.js";
import { damagedJson, damagedText, type Json } from "../mutate.js";
import type { Target } from "../target.js";

const CONFIGURATIONS = [
  "host: 0.0.0.0\nport: 8000\nurls: [https://images.example.org/]\nmodels:\n  - model: lenet5\n    name: digits\n    version: 2\n",
  "limits: { body: 16 MiB, seconds: 2.5 }\nmodels: [{ model: resnet18, options: { classes: 10 }, threads: 2 }]\n",
  "base: &base { maxBatch: 4, maxDelayMs: 1 }\nmodels:\n  - <<: *base\n    model: a\n  - *base\n",
  '{ "models": [{ "onnx": "a/b.onnx", "name": "x", "preprocess": { "resize": 32, "mean": [0.1, 0.2] } }] }',
  "# a comment\nmodels:\n- {model: |\n   text\n }\n- model: >-\n    folded\n  labels: 'it''s'\n",
];

const config: Target = {
  name: "config",
  few: 3000,
  make: (random) => damagedText(CONFIGURATIONS, random),
  async take(input) {
    const read = readYaml(Buffer.from(input).toString(), "serve.yaml", configReader);
    if (read.models.length === 0 || read.models.some((one) => !/^[\w.-]{1,100}$/.test(nameOf(one))))
      throw new Error("a configuration without models, or with a name that it should not have");
    return "taken";
  },
};

const LISTS = {
  csv: [
    'file,label\na.png,cat\nb/c.png,"dog, large"\n',
    "\ufeffurl\nhttp://example.org/a.png\n",
    "path;x\na;b\n",
  ],
  jsonl: [
    '{"file": "a.png"}\n"b/c.png"\n\n{"url": "https://example.org/a.png"}\n',
    '{"path": "a", "x": [1]}\n',
  ],
  txt: ["a.png\nb/c.png\n  \nd.png", "../x\n/etc/passwd\nhttp://example.org/\nfile:///etc/passwd\n"],
} as const;

const lists = (Object.keys(LISTS) as (keyof typeof LISTS)[]).map((ending): Target => {
  let folder: string | undefined;
  return {
    name: `list-${ending}`,
    few: 600,
    make: (random) => damagedText(LISTS[ending], random),
    async take(input) {
      if (folder === undefined) {
        folder = mkdtempSync(join(tmpdir(), "convzoo-fuzz-"));
        mkdirSync(join(folder, "list"));
        process.on("exit", () => rmSync(folder!, { recursive: true, force: true }));
      }
      const list = join(folder, "list", `list.${ending}`);
      writeFileSync(list, input);
      for await (const place of inputs([], [list], { urls: false, anywhere: false })) {
        const isInside = resolve(place).startsWith(join(folder, "list") + sep);
        if (!isInside && resolve(place) !== join(folder, "list"))
          throw new Error(`${JSON.stringify(place)} got out`);
      }
      return "taken";
    },
  };
});

/** Options as JSON, with what takes them. */
const OPTIONS: readonly (readonly [Json, (given: Json) => unknown])[] = [
  [{ classes: 10, inChannels: 3 }, (given) => zoo.resnet18.build(given as object)],
  [{ classes: 10 }, (given) => zoo.squeezenet1_1.build(given as object)],
  [{ classes: 10, dropout: 0.5 }, (given) => zoo.alexnet.build(given as object)],
  [
    { resize: 256, crop: 224, interpolation: "bicubic", mean: [0.5], std: [0.5] },
    (given) => checkPreprocess(given as unknown as PreprocessOptions),
  ],
  [
    { input: [3, 224, 224], options: { pooling: "cell", fine: true, squeeze: "refuse" } },
    (given) => {
      const { input, options } = (given ?? {}) as { input: number[]; options: object };
      return convolutionize(zoo.squeezenet1_1.build(), input, options);
    },
  ],
  [
    { output: "y", externalData: "other.onnx" },
    (given) => fromOnnx({}, onnxBytes("add_rows"), given as object),
  ],
];

const options: Target = {
  name: "options",
  few: 3000,
  make(random) {
    const which = random(OPTIONS.length);
    const [given] = OPTIONS[which]!;
    return new Uint8Array(Buffer.from(JSON.stringify({ which, given: damagedJson(given, random) })));
  },
  async take(input) {
    const { which, given } = JSON.parse(Buffer.from(input).toString()) as { which: number; given: Json };
    await OPTIONS[which]![1](given);
    return "taken";
  },
};

export const texts: readonly Target[] = [config, ...lists, options];
