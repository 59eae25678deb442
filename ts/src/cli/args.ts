/** What can be said on the command line: commands, options, help. Knows nothing of the work. */
import { parseArgs } from "node:util";
import { ConvzooError } from "../errors.js";
import type { Crops } from "../image/views.js";
import type { BenchRequest } from "./bench.js";
import type { CacheRequest } from "./cache.js";
import type { ClassifyRequest } from "./classify.js";
import type { ConvertRequest } from "./convert.js";
import type { DenseRequest } from "./dense.js";
import type { DescribeRequest } from "./describe.js";
import type { ModelsRequest } from "./models.js";
import {
  CACHE_HELP,
  CACHE_OPTIONS,
  CONVERT_HELP,
  CONVERT_OPTIONS,
  cacheRequest,
  convertRequest,
} from "./weight-files.js";

/** What was asked for. */
export type Asked =
  | ({ readonly command: "classify" } & ClassifyRequest)
  | ({ readonly command: "dense" } & DenseRequest)
  | ({ readonly command: "describe" } & DescribeRequest)
  | ({ readonly command: "models" } & ModelsRequest)
  | ({ readonly command: "bench" } & BenchRequest)
  | ({ readonly command: "convert" } & ConvertRequest)
  | ({ readonly command: "cache" } & CacheRequest)
  | { readonly command: "help"; readonly text: string }
  | { readonly command: "version" };

/** What `bench` runs unless told otherwise. */
const BENCHED = [
  ...["alexnet", "vgg19", "googlenet", "resnet18", "resnet50"],
  ...["densenet121", "efficientnet_b0", "squeezenet1_1", "mobilenet_v2"],
];

const HELP = {
  convzoo: `Usage: convzoo COMMAND

Image classification with convolutional networks.

  convzoo classify FILE...   what is on these images?
  convzoo dense FILE         where on this image is it?
  convzoo describe MODEL     a network layer by layer
  convzoo models             the networks there are
  convzoo bench              how fast are they here?
  convzoo convert IN OUT     a checkpoint in another format or precision
  convzoo cache ls           the weights that were downloaded
  convzoo help [COMMAND]     this text, or that of a command
  convzoo --version

Exit codes: 0 all is well; 1 a file failed, the others did not; 2 nothing could be done; 130 Ctrl-C.
`,
  classify: `Usage: convzoo classify FILE... [options]

The most probable classes of each image (JPEG, PNG, WebP or BMP). FILE is one of

  a path or URL     dog.jpg, https://example.org/dog.jpg
  a folder          the images in it and in its folders
  a pattern         'photos/**/*.jpg', in quotes where the shell knows no **
  -                 standard input

What is computed:
  -m, --model M     the network, by its name in \`convzoo models\` (squeezenet1_1)
  -w, --weights W   a checkpoint: path or URL of a .safetensors file,
                    or a name from \`convzoo models\` (the model's first)
      --crops C     which parts of the image are seen (center):
                      center    the middle
                      five      the middle and the four corners
                      ten       these, and those of the reflected image
                      random    five by chance and their reflections; random:N for N
                      dense     all of the image in its own size, slid over
      --seed N      which random crops (0)
      --average A   what is averaged over crops: probabilities or scores (probabilities)
      --device D    where to compute: auto or wasm (auto)
      --threads N   threads that compute (as many as the machine has cores)
      --batch N     how many images or crops run together at most (8)

What is printed:
  -k, --topk K      how many classes to show (5)
      --json        an array with an object for each file:
                    { file, model, device, threads, ms, top: [{ index, label, score, probability }] }
                    or, where it failed, { file, error: { code, message } }
      --jsonl       the same objects as they come, one a line
      --csv         a row for each class: file,model,device,threads,ms,rank,index,label,score,probability
  -h, --help        this text

A file that fails is named on standard error (with --json and --jsonl: in its place) and does not stop
the others; the exit code is then 1. Ctrl-C ends after what is done, with 130.

Examples:
  convzoo classify dog.jpg cat.jpg --topk 3
  convzoo classify photos --csv > classes.csv
  curl -s https://example.org/dog.jpg | convzoo classify - --crops ten
  convzoo classify digit.png --model lenet5
`,
  dense: `Usage: convzoo dense FILE [options]

The network slid over an image: where it sees a class. Writes the image under a map of that class's score.

  -m, --model M     the network, by its name in \`convzoo models\` (squeezenet1_1)
  -w, --weights W   a checkpoint: path or URL of a .safetensors file,
                    or a name from \`convzoo models\` (the model's first)
  -l, --label L     the class, by name or number (the one that \`classify\` finds)
      --pooling P   window: each score is that of a crop; cell: a class activation map (window)
      --fine        OverFeat's finer map: the last max-pooling at stride 1
      --scales S    factors of the image's size, such as 1,1.5,2; or overfeat, its six sizes (1)
  -o, --out FILE    the picture, as PNG (heat.png)
      --device D    where to compute: auto or wasm (auto)
      --threads N   threads that compute (as many as the machine has cores)
      --json        { file, model, device, threads, ms, index, label, map: [rows, columns], stride,
                    peaks: [{ score, i, j, x, y, box: { x, y, width, height } }], out }
  -h, --help        this text

Examples:
  convzoo dense dog.jpg --label Samoyed --scales 1,1.5
  convzoo dense dog.jpg --pooling cell --out activation.png
`,
  describe: `Usage: convzoo describe MODEL [options]

The network as PyTorch prints it, then its layers with output shapes, parameters and multiply-adds.

  -i, --input CxHxW  the input's size (what the network was trained on)
      --json         { name, family, year, paper, input, rows, params, macs, bytes, print }
  -h, --help         this text

Example:
  convzoo describe squeezenet1_1 --input 3x448x448
`,
  models: `Usage: convzoo models [options]

The networks of the zoo: size, work, accuracy, and the weights that are registered for them.

      --family F,...  only these families
      --year Y        only papers of this year, or of several: 2012-2014
      --weights       only networks with weights in the package
      --sort S        by name, year, params, macs or top1 (best first)
      --plot FILE     draw size against accuracy on ImageNet, as SVG
      --json          an array with an object for each network
  -h, --help          this text

Examples:
  convzoo models --year 2015-2016 --sort top1
  convzoo models --family resnet,densenet,efficientnet --plot size.svg
`,
  bench: `Usage: convzoo bench [options]

How fast are the networks on this machine? One image, float32, random weights.

      --models M,...  the networks
                      (${BENCHED.slice(0, 4).join(",")},
                      ${BENCHED.slice(4).join(",")})
      --threads N     threads that compute (as many as the machine has cores)
      --runs N        how many runs are timed (20)
      --tune          find the fastest algorithm of each convolution first
      --profile       each network layer by layer, too
      --json          an array with an object for each network: { model, input, core, threads,
                      loadMs, firstMs, medianMs, bestMs, macs, memory, tuning, steps }
  -h, --help          this text

Other engines beside convzoo: \`npm run bench\` in convzoo's repository, which installs them.

Example:
  convzoo bench --models resnet18,mobilenet_v2 --threads 1 --profile
`,
  convert: CONVERT_HELP,
  cache: CACHE_HELP,
} as const;

const AVERAGES = ["probabilities", "scores"] as const;
const POOLINGS = ["window", "cell"] as const;
const SORTS = ["name", "year", "params", "macs", "top1"] as const;
const DEVICES = ["auto", "wasm"] as const;

const common = { json: { type: "boolean" }, help: { type: "boolean", short: "h" } } as const;
const OPTIONS = {
  classify: {
    ...common,
    model: { type: "string", short: "m" },
    weights: { type: "string", short: "w" },
    topk: { type: "string", short: "k" },
    crops: { type: "string" },
    seed: { type: "string" },
    average: { type: "string" },
    batch: { type: "string" },
    jsonl: { type: "boolean" },
    csv: { type: "boolean" },
    device: { type: "string" },
    threads: { type: "string" },
  },
  dense: {
    ...common,
    model: { type: "string", short: "m" },
    weights: { type: "string", short: "w" },
    label: { type: "string", short: "l" },
    pooling: { type: "string" },
    fine: { type: "boolean" },
    scales: { type: "string" },
    out: { type: "string", short: "o" },
    device: { type: "string" },
    threads: { type: "string" },
  },
  describe: { ...common, input: { type: "string", short: "i" } },
  models: {
    ...common,
    family: { type: "string" },
    year: { type: "string" },
    weights: { type: "boolean" },
    sort: { type: "string" },
    plot: { type: "string" },
  },
  bench: {
    ...common,
    models: { type: "string" },
    threads: { type: "string" },
    runs: { type: "string" },
    tune: { type: "boolean" },
    profile: { type: "boolean" },
    peers: { type: "boolean" },
  },
  convert: CONVERT_OPTIONS,
  cache: CACHE_OPTIONS,
} as const;

type Command = keyof typeof OPTIONS;

/** Understands what stands after `convzoo`. Throws `bad-option`. */
export function parse(argv: readonly string[]): Asked {
  const [command, ...rest] = argv;
  switch (command) {
    case "classify":
      return parseClassify(rest);
    case "dense":
      return parseDense(rest);
    case "describe":
      return parseDescribe(rest);
    case "models":
      return parseModels(rest);
    case "bench":
      return parseBench(rest);
    case "convert":
      return parseConvert(rest);
    case "cache":
      return parseCache(rest);
    case "help":
    case "--help":
    case "-h":
      return help(rest[0]);
    case "--version":
    case "-v":
      return { command: "version" };
    case undefined:
      throw wrong("Say what to do, such as `convzoo classify dog.jpg`; `convzoo help` lists the commands.");
    default: {
      const known = `the commands are ${Object.keys(OPTIONS).join(", ")} and help`;
      throw wrong(`There is no command "${command}"; ${known}.`);
    }
  }
}

function parseClassify(argv: readonly string[]): Asked {
  const { values, positionals: files } = split("classify", argv);
  if (values.help) return help("classify");
  if (files.length === 0) throw wrong("`classify` wants a FILE, such as `convzoo classify dog.jpg`.");
  const formats = (["json", "jsonl", "csv"] as const).filter((name) => values[name]);
  if (formats.length > 1) throw wrong(`Only one of --${formats.join(" and --")} can be printed.`);
  return {
    command: "classify",
    files,
    model: values.model ?? "squeezenet1_1",
    weights: values.weights,
    topk: count("topk", values.topk) ?? 5,
    crops: crops(values.crops ?? "center", values.seed),
    average: choice("average", values.average, AVERAGES) ?? "probabilities",
    device: choice("device", values.device, DEVICES) ?? "auto",
    threads: count("threads", values.threads),
    batch: count("batch", values.batch) ?? 8,
    format: formats[0] ?? "text",
  };
}

/** `random` is the lecture's: five crops and their reflections. */
function crops(text: string, seed: string | undefined): Crops | "dense" {
  const [, count = 5] = /^random(?::([1-9]\d{0,2}|1000))?$/.exec(text) ?? [undefined, 0];
  if (seed !== undefined && !(count && /^\d+$/.test(seed) && Number(seed) < 2 ** 31))
    throw wrong(`--seed is a whole number below 2^31, and goes with --crops random; not "${seed}".`);
  if (count) return { random: Number(count), reflect: true, seed: Number(seed ?? 0) };
  if (text === "center" || text === "five" || text === "ten" || text === "dense") return text;
  throw wrong(`--crops is center, five, ten, dense, random or random:N with N up to 1000, not "${text}".`);
}

function parseDense(argv: readonly string[]): Asked {
  const { values, positionals } = split("dense", argv);
  if (values.help) return help("dense");
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0)
    throw wrong("`dense` wants one FILE, such as `convzoo dense dog.jpg`.");
  const { label } = values;
  return {
    command: "dense",
    file,
    model: values.model ?? "squeezenet1_1",
    weights: values.weights,
    label: label !== undefined && /^\d+$/.test(label) ? Number(label) : label,
    pooling: choice("pooling", values.pooling, POOLINGS),
    fine: values.fine ?? false,
    scales: scales(values.scales),
    out: values.out ?? "heat.png",
    device: choice("device", values.device, DEVICES) ?? "auto",
    threads: count("threads", values.threads),
    json: values.json ?? false,
  };
}

function parseDescribe(argv: readonly string[]): Asked {
  const { values, positionals } = split("describe", argv);
  if (values.help) return help("describe");
  const [model, ...more] = positionals;
  if (model === undefined || more.length > 0) {
    throw wrong("`describe` wants one MODEL, such as `convzoo describe squeezenet1_1`.");
  }
  return { command: "describe", model, input: sizes(values.input), json: values.json ?? false };
}

function parseModels(argv: readonly string[]): Asked {
  const { values, positionals } = split("models", argv);
  if (values.help) return help("models");
  if (positionals.length > 0)
    throw wrong("`models` takes no name; `convzoo describe MODEL` shows one network.");
  return {
    command: "models",
    families: values.family?.split(","),
    years: years(values.year),
    weights: values.weights ?? false,
    sort: choice("sort", values.sort, SORTS),
    plot: values.plot,
    json: values.json ?? false,
  };
}

function parseBench(argv: readonly string[]): Asked {
  const { values, positionals } = split("bench", argv);
  if (values.help) return help("bench");
  if (positionals.length > 0) throw wrong("`bench` takes no name; --models alexnet,vgg19 chooses networks.");
  if (values.peers) {
    throw wrong(
      "Other engines do not come with the package; run `npm run bench` in convzoo's repository, which installs them.",
    );
  }
  return {
    command: "bench",
    models: values.models?.split(",") ?? BENCHED,
    threads: count("threads", values.threads),
    runs: count("runs", values.runs) ?? 20,
    tune: values.tune ?? false,
    profile: values.profile ?? false,
    json: values.json ?? false,
  };
}

function parseConvert(argv: readonly string[]): Asked {
  const { values, positionals } = split("convert", argv);
  return values.help ? help("convert") : { command: "convert", ...convertRequest(values, positionals) };
}

function parseCache(argv: readonly string[]): Asked {
  const { values, positionals } = split("cache", argv);
  return values.help ? help("cache") : { command: "cache", ...cacheRequest(values, positionals) };
}

function help(topic = "convzoo"): Asked {
  if (Object.hasOwn(HELP, topic)) return { command: "help", text: HELP[topic as keyof typeof HELP] };
  throw wrong(`There is no help on "${topic}"; it is on ${Object.keys(OPTIONS).join(", ")}.`);
}

/** Node's parser for the options of one command; what it refuses is told apart from bugs by its error's code. */
function split<C extends Command>(command: C, argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS[command], allowPositionals: true });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (!code?.startsWith("ERR_PARSE_ARGS_")) throw cause;
    // Node's first sentence says what is wrong; the rest is advice that seldom fits.
    throw wrong(`${message.split(/\.(?:\s|$)/)[0]}. \`convzoo help ${command}\` lists the options.`, cause);
  }
}

function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value;
  throw wrong(`--${name} is a whole number of at least 1, not "${text}".`);
}

function choice<T extends string>(name: string, text: string | undefined, choices: readonly T[]) {
  if (text === undefined) return undefined;
  const found = choices.find((one) => one === text);
  if (found === undefined) throw wrong(`--${name} is ${choices.join(" or ")}, not "${text}".`);
  return found;
}

function sizes(text: string | undefined): number[] | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d*x[1-9]\d*x[1-9]\d*$/.test(text)) return text.split("x").map(Number);
  throw wrong(`--input is channels, height and width, such as 3x224x224, not "${text}".`);
}

function scales(text = "1"): "overfeat" | readonly number[] {
  if (text === "overfeat") return text;
  const factors = text.split(",").map((factor) => (factor.trim() === "" ? Number.NaN : Number(factor)));
  if (factors.every((factor) => Number.isFinite(factor) && factor > 0)) return factors;
  throw wrong(`--scales is overfeat or a list of factors above 0, such as 1,1.5, not "${text}".`);
}

function years(text: string | undefined): [number, number] | undefined {
  if (text === undefined) return undefined;
  const [, first, last = first] = /^(\d{4})(?:-(\d{4}))?$/.exec(text) ?? [];
  if (first && Number(first) <= Number(last)) return [Number(first), Number(last)];
  throw wrong(`--year is a year or a span of them, such as 2015 or 2012-2014, not "${text}".`);
}

const wrong = (message: string, cause?: unknown): ConvzooError =>
  new ConvzooError("bad-option", message, { cause });
