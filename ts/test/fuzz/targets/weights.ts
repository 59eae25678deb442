/** Checkpoints, a target for each format. The corpora: what scripts/make_*_cases.py wrote, and pickles of pieces. */
import { readdirSync, readFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { inMemory } from "../../../src/weights/bytes.js";
import { ARRAYS, elementCount, type WeightTensor } from "../../../src/weights/dtype.js";
import { loadWeights } from "../../../src/weights/index.js";
import { readSafetensors } from "../../../src/weights/safetensors.js";
import { readSharded } from "../../../src/weights/sharded.js";
import { readZip } from "../../../src/weights/zip.js";
import { fixture, names } from "../../checkpoints.js";
import { zip } from "../../zip.js";
import { among, damaged, damagedJson, damagedText, type Json, joined, type Random } from "../mutate.js";
import type { Target } from "../target.js";

/** What all tensors of one file may have: 16 MiB, and sixteen times the largest file's storages. */
const MOST_BYTES = 2 ** 25;

/** Throws where weights that were accepted are not sound. */
function checkSound(weights: Iterable<readonly [string, WeightTensor]>): "taken" {
  let total = 0;
  for (const [key, { dtype, shape, data }] of weights) {
    if (!(data instanceof ARRAYS[dtype])) throw new Error(`${key} is no ${dtype}`);
    if (data.length !== elementCount(shape))
      throw new Error(`${key} has ${data.length} elements and shape ${shape}`);
    total += data.byteLength;
  }
  if (total > MOST_BYTES) throw new Error(`${total} bytes of tensors`);
  return "taken";
}

/** What is loaded by content: `make` makes inputs. */
const loaded = (name: string, few: number, make: Target["make"]): Target => ({
  name,
  few,
  make,
  take: async (input) => checkSound(await loadWeights(input)),
});

/** The same, of files whose names match. */
function files(name: string, few: number, pattern: RegExp): Target {
  const found = names.filter((file) => pattern.test(file)).map(fixture);
  if (found.length < 5) throw new Error(`${name} has too few files to begin with`);
  return loaded(name, few, (random) => damaged(found, random));
}

/** What pickles are made of: opcodes with their operands, a character a byte. */
const PIECES = [
  ..."N)]}(ta1es0ubRQ\x81\x85\x86\x87\x88\x8f\x90\x91\x93\x94",
  ...["\0", "\x01", "\x02"].flatMap((index) => [`h${index}`, `q${index}`, `K${index}`]),
  ...["storage", "cpu", "0", "model", "w"].map((text) => `\x8c${String.fromCharCode(text.length)}${text}`),
  ...["ctorch\nFloatStorage\n", "ccollections\nOrderedDict\n", "ctorch._utils\n_rebuild_parameter\n"],
  "ctorch._utils\n_rebuild_tensor_v2\n",
  "(\x8c\x07storagectorch\nFloatStorage\n\x8c\x010\x8c\x03cpuK\x01tQ",
  "ctorch._utils\n_rebuild_tensor\n((\x8c\x07storagectorch\nFloatStorage\n\x8c\x010\x8c\x03cpuK\x01NtQK\0K\x01\x85K\x01\x85tR",
];

/** A stream of pickles that PyTorch's magic number heads, with a value of random pieces and one storage. */
function scribbled(random: Random): Uint8Array<ArrayBuffer> {
  const value = Array.from({ length: random(40) }, () => among(random, PIECES));
  const head = "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02";
  const tail = ".\x80\x02]\x8c\x010a.\x01\0\0\0\0\0\0\0\0\0\x80?";
  return new Uint8Array(Buffer.from(`${head}}\x8c\x01w${value.join("")}s${tail}`, "latin1"));
}

const folder = new URL("../../fixtures/safetensors/", import.meta.url);
const read = (path: string) => new Uint8Array(readFileSync(new URL(path, folder)));
const whole = [
  "dtypes.safetensors",
  ...readdirSync(new URL("sharded/", folder)).filter((n) => n.endsWith("s")),
];
const safe = whole.map((name) => read(name.startsWith("model") ? `sharded/${name}` : name));

/** A .safetensors file: damaged anywhere, or in what its header says. */
function damagedSafetensors(random: Random): Uint8Array<ArrayBuffer> {
  if (random(3) === 0) return damaged(safe, random);
  const file = among(random, safe);
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header = JSON.parse(Buffer.from(file.subarray(8, 8 + length)).toString()) as Json;
  const text =
    random(2) === 0
      ? damagedText([JSON.stringify(header)], random)
      : new Uint8Array(Buffer.from(JSON.stringify(damagedJson(header, random)) ?? ""));
  const start = new Uint8Array(8);
  new DataView(start.buffer).setBigUint64(0, BigInt(text.length), true);
  return joined(start, text, file.subarray(8 + length));
}

const index = Buffer.from(read("sharded/model.safetensors.index.json")).toString();
const shards = new Map(whole.slice(1).map((name) => [name, read(`sharded/${name}`)]));

const packed = deflateRawSync(Buffer.from("some text, again and again and again and again"));
const archives = [
  zip(
    [
      { name: "a/data.pkl", data: new Uint8Array(8) },
      { name: "a/b", data: new Uint8Array(300) },
    ],
    "a comment",
  ),
  zip([
    { name: "x.npy", data: packed, method: 8, size: 46 },
    { name: "folder/", data: new Uint8Array() },
  ]),
  fixture("arrays_zip64.npz"),
  fixture("layouts_zip64.pth"),
];

export const weights: readonly Target[] = [
  files(
    "pytorch-archive",
    8000,
    /^(dtypes|dtypes_big.*|layouts|layouts_deflated|layouts_zip64|checkpoint|protocol_\d|state_.*)\.pth$/,
  ),
  files("pytorch-legacy", 8000, /legacy\.pth$/),
  files("numpy", 8000, /\.np[yz]$/),
  { ...files("pickle-attacks", 8000, /^(unsafe|bad)_/), isHostile: true },
  { ...loaded("pickle-pieces", 8000, scribbled), isHostile: true },
  loaded("safetensors", 4000, damagedSafetensors),
  {
    name: "sharded-index",
    few: 3000,
    make: (random) =>
      random(2) === 0
        ? damagedText([index], random)
        : new Uint8Array(Buffer.from(JSON.stringify(damagedJson(JSON.parse(index) as Json, random)) ?? "")),
    async take(input) {
      const { tensors } = await readSharded(inMemory(input, "index.json"), async (name) => {
        if (/[/\\:\0]|^\.\.?$|^$/.test(name))
          throw new Error(`${JSON.stringify(name)} is no file beside the index`);
        return readSafetensors(inMemory(shards.get(name) ?? new Uint8Array(), name));
      });
      for (const tensor of tensors.values()) await tensor.read();
      return "taken";
    },
  },
  {
    name: "zip",
    few: 3000,
    make: (random) => damaged(archives, random),
    async take(input) {
      let total = 0;
      for (const { size, read } of (await readZip(inMemory(input, "a.zip"))).values()) {
        if (size > 1032 * input.length) throw new Error(`an entry of ${size} bytes in ${input.length}`);
        const { length } = await read(0, size);
        if (length !== size) throw new Error(`${length} bytes, not ${size}`);
        total += length;
      }
      if (total > 1032 * input.length) throw new Error(`${total} bytes out of ${input.length}`);
      return "taken";
    },
  },
];
