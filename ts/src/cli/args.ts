/** What can be said on the command line: commands, options, help. Knows nothing of the work. */
import { parseArgs } from "node:util";
import type { BenchRequest } from "./bench.js";
import type { BulkRequest } from "./bulk.js";
import { BULK_OPTIONS, bulkRequest } from "./bulk-args.js";
import type { CacheRequest } from "./cache.js";
import type { ClassifyRequest } from "./classify.js";
import type { ConvertRequest } from "./convert.js";
import type { DenseRequest } from "./dense.js";
import type { DescribeRequest } from "./describe.js";
import { BENCHED, HELP } from "./help.js";
import type { ModelsRequest } from "./models.js";
import type { ServeRequest } from "./serve.js";
import { AVERAGES, choice, count, crops, wrong } from "./values.js";
import { CACHE_OPTIONS, CONVERT_OPTIONS, cacheRequest, convertRequest } from "./weight-files.js";

/** What was asked for. */
export type Asked =
  | ({ readonly command: "classify" } & ClassifyRequest)
  | ({ readonly command: "dense" } & DenseRequest)
  | ({ readonly command: "describe" } & DescribeRequest)
  | ({ readonly command: "models" } & ModelsRequest)
  | ({ readonly command: "bench" } & BenchRequest)
  | ({ readonly command: "convert" } & ConvertRequest)
  | ({ readonly command: "cache" } & CacheRequest)
  | ({ readonly command: "serve" } & ServeRequest)
  | ({ readonly command: "bulk" } & BulkRequest)
  | { readonly command: "help"; readonly text: string }
  | { readonly command: "version" };

const POOLINGS = ["window", "cell"] as const;
const SORTS = ["name", "year", "params", "macs", "top1"] as const;
const DEVICES = ["auto", "wasm", "webgpu"] as const;

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
  describe: { ...common, input: { type: "string", short: "i" }, device: { type: "string" } },
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
    device: { type: "string" },
    threads: { type: "string" },
    runs: { type: "string" },
    tune: { type: "boolean" },
    profile: { type: "boolean" },
    peers: { type: "boolean" },
  },
  convert: CONVERT_OPTIONS,
  cache: CACHE_OPTIONS,
  bulk: BULK_OPTIONS,
  serve: {
    config: { type: "string", short: "c" },
    model: { type: "string", short: "m", multiple: true },
    threads: { type: "string" },
    host: { type: "string" },
    port: { type: "string", short: "p" },
    check: { type: "boolean" },
    help: common.help,
  },
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
    case "serve":
      return parseServe(rest);
    case "bulk": {
      const { values, positionals } = split("bulk", rest);
      return values.help ? help("bulk") : { command: "bulk", ...bulkRequest(values, positionals) };
    }
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
  const device = choice("device", values.device, ["wasm", "webgpu"] as const) ?? "wasm";
  return { command: "describe", model, input: sizes(values.input), device, json: values.json ?? false };
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
  const { peers = false } = values;
  const device = choice("device", values.device, DEVICES) ?? "auto";
  if (peers && device === "webgpu")
    throw wrong(
      "--peers compares engines on the CPU: leave --device webgpu out. On a GPU `npm run page` in convzoo's repository compares them.",
    );
  return {
    command: "bench",
    models: values.models?.split(",") ?? BENCHED,
    device: peers ? "wasm" : device,
    threads: count("threads", values.threads),
    runs: count("runs", values.runs) ?? 20,
    tune: values.tune ?? false,
    profile: values.profile ?? false,
    peers,
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

function parseServe(argv: readonly string[]): Asked {
  const { values, positionals } = split("serve", argv);
  if (values.help) return help("serve");
  if (positionals.length > 0)
    throw wrong("`serve` takes no name; --model M or --config FILE says what to serve.");
  const { config, model, host } = values;
  if (config !== undefined && (model !== undefined || values.threads !== undefined))
    throw wrong("With --config, models and their threads stand in the file.");
  return {
    command: "serve",
    config,
    models: model ?? ["squeezenet1_1"],
    threads: count("threads", values.threads),
    host,
    port: port(values.port),
    check: values.check ?? false,
  };
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

function port(text: string | undefined): number | undefined {
  if (text === undefined || (/^\d{1,5}$/.test(text) && Number(text) < 2 ** 16))
    return text === undefined ? text : Number(text);
  throw wrong(`--port is a whole number from 0 to 65535, not "${text}".`);
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
