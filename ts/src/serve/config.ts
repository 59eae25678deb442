/** What a server is told: its file, and what stands on the command line. */
import {
  between,
  bytes,
  checked,
  choice,
  flag,
  list,
  name,
  or,
  plain,
  type Read,
  record,
  text,
  whole,
} from "../config/found.js";

/** What a name must be to stand in a URL and in a metric as it is. */
const URL_NAME = /^[\w.-]{1,100}$/;

const fields = record({
  /** What it is called in URLs; the network's name unless given. */
  name: or(text, undefined),
  /** The network, by its name in `convzoo models`. */
  model: or(text, undefined),
  /** The network's options, such as the number of classes. */
  options: or(plain, undefined),
  /** In place of `model`, a file that brings its own network. */
  onnx: or(text, undefined),
  weights: or(text, undefined),
  select: or(text, undefined),
  version: or(name, "1"),
  threads: or(whole(1, 64), undefined),
  precision: or(choice("float32", "float16", "int8"), undefined),
  winograd: or(flag, undefined),
  preprocess: or(plain, undefined),
  /** A file with a class's name on each line. */
  labels: or(text, undefined),
  /** Inputs that run together at most; 1 is none. */
  maxBatch: or(whole(1, 256), 8),
  /** How long an input waits for others to run with, milliseconds. */
  maxDelayMs: or(between(0, 10_000), 0),
  /** Requests that are worked on or wait; more are told to come back. */
  queue: or(whole(1, 100_000), 128),
});

const model = checked(fields, (one) => {
  if ((one.model === undefined) === (one.onnx === undefined)) return "names either a model or an onnx file";
  if (one.onnx !== undefined && one.name === undefined) return "needs a name beside its onnx file";
  if (one.onnx !== undefined && one.weights !== undefined) return "has its weights in its onnx file";
  const called = one.name ?? one.model!;
  return URL_NAME.test(called) ? undefined : `has a name of letters, digits, dots, - and _, not "${called}"`;
});

const models = checked(list(model), (all) => {
  const names = all.map((one) => one.name ?? one.model);
  const twice = names.find((one, i) => names.indexOf(one) < i);
  if (all.length === 0) return "has at least one model";
  return twice === undefined ? undefined : `has two models called ${twice}; give one another name`;
});

const limits = record({
  /** Of a body, after decompression. */
  body: or(bytes, 16 * 2 ** 20),
  /** Of all bodies that are held at a time. */
  bodies: or(bytes, 2 ** 29),
  pixels: or(whole(1, 178_956_970), 50_000_000),
  /** From a request's last header to its answer. */
  seconds: or(between(0.05, 3600), 30),
  /** Requests of all models at a time. */
  concurrency: or(whole(1, 100_000), 512),
  connections: or(whole(1, 1_000_000), 2048),
  /** How long a shutdown waits for what was accepted. */
  shutdownSeconds: or(between(0, 3600), 30),
});

const url = checked(text, (given) => {
  const parsed = URL.canParse(given) ? new URL(given) : undefined;
  if (parsed && /^https?:$/.test(parsed.protocol) && !parsed.username && parsed.href === given)
    return undefined;
  return "is how URLs begin that may be fetched, with a host and a slash after it: https://images.example.org/";
});

/** The whole file. */
export const configReader = record({
  host: or(text, "127.0.0.1"),
  port: or(whole(0, 65_535), 8000),
  /** A file whose content clients must send as their bearer token. */
  tokenFile: or(text, undefined),
  /** Whether to look whether this file changes, and follow it. */
  watch: or(flag, false),
  /** Beginnings of URLs from which images may be fetched; none by default. */
  urls: or(list(url), []),
  /** Workers that decode images. */
  decoders: or(whole(1, 64), undefined),
  limits,
  models,
});

type File = Read<typeof configReader>;
export type Limits = Read<typeof limits>;
export type ModelConfig = Read<typeof model>;
/** All that a server is told. */
export type ServeConfig = File;

/** What a model is called in URLs. */
export const nameOf = ({ name, model }: ModelConfig): string => name ?? model!;
