/** How inputs are damaged: bytes, texts of which machines are fond, and values of JSON. */

/** Whole numbers from 0 up to `below`. */
export type Random = (below: number) => number;

/** Mulberry32. */
export function numbers(seed: number): Random {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

export const among = <T>(random: Random, items: readonly T[]): T => items[random(items.length)]!;

/** Lengths, counts and opcodes that readers stumble over. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0xfff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
/** The longest piece that is taken out, doubled or put in. */
const PIECE = 64;

type Bytes = Uint8Array<ArrayBuffer>;
type Damage = (bytes: Bytes, random: Random, other: Uint8Array) => Bytes;

export function joined(...parts: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A piece of the bytes, replaced. */
function spliced(bytes: Bytes, random: Random, replace: (piece: Uint8Array) => Uint8Array): Bytes {
  const begin = random(bytes.length);
  const end = Math.min(bytes.length, begin + random(PIECE));
  return joined(bytes.subarray(0, begin), replace(bytes.subarray(begin, end)), bytes.subarray(end));
}

/** Where something stands that is read early, every other time: headers are. */
const place = (length: number, random: Random): number =>
  random(random(2) === 0 ? Math.min(length, 200) : length);

const damages: readonly Damage[] = [
  (bytes, random) => {
    const at = place(bytes.length, random);
    bytes[at] = bytes[at]! ^ (1 << random(8));
    return bytes;
  },
  (bytes, random) => {
    for (let count = random(8); count >= 0; count--) bytes[place(bytes.length, random)] = random(256);
    return bytes;
  },
  // A field of one, two, four or eight bytes, of either order.
  (bytes, random) => {
    const size = 2 ** random(4);
    if (bytes.length < size) return bytes;
    const at = place(bytes.length - size + 1, random);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const value = among(random, EDGES);
    const isLittle = random(2) === 0;
    if (size === 1) view.setUint8(at, value & 0xff);
    else if (size === 2) view.setUint16(at, value & 0xffff, isLittle);
    else if (size === 4) view.setUint32(at, value, isLittle);
    else view.setBigUint64(at, BigInt(value) << BigInt(random(32)), isLittle);
    return bytes;
  },
  (bytes, random) => bytes.slice(0, random(bytes.length)),
  (bytes, random) => spliced(bytes, random, () => new Uint8Array()),
  (bytes, random) => spliced(bytes, random, (piece) => joined(piece, piece)),
  (bytes, random, other) => {
    const at = random(other.length || 1);
    return spliced(bytes, random, () => other.subarray(at, at + random(PIECE)));
  },
  // One file's beginning, another's end.
  (bytes, random, other) =>
    joined(bytes.subarray(0, random(bytes.length)), other.subarray(random(other.length || 1))),
];

/** How many damages an input gets: mostly one, or hardly any input would get past a reader's first look. */
const times = (random: Random): number => 1 + (random(2) && random(3));

/** One of the files, damaged. */
export function damaged(files: readonly Uint8Array[], random: Random): Bytes {
  let bytes: Bytes = new Uint8Array(among(random, files));
  for (let count = times(random); count > 0 && bytes.length > 0; count--)
    bytes = among(random, damages)(bytes, random, among(random, files));
  return bytes;
}

/** Words that mean something to those who read texts, and characters that end, open or escape. */
const WORDS = [
  ..."\"'{}[](),:;#&*!|>-?%@`\\/.\t\n\r\0 ",
  "\r\n",
  "\ufeff",
  "\ud800",
  "\u2028",
  ...["null", "true", "NaN", "-0", "1e999", "0x10", "9007199254740993", "-1", "1.5", "99999999999999999999"],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "prototype",
    "hasOwnProperty",
    "<<",
    "*a",
    "&a ",
    "!!js/function ",
  ],
  ...["../", "..\\", "/etc/passwd", "C:\\", "%2e%2e%2f", "file:///", "http://169.254.169.254/", "\u202e"],
];

/** A text, damaged: as bytes, which need not be UTF-8 then, or by words put in. */
export function damagedText(texts: readonly string[], random: Random): Bytes {
  const encode = (text: string): Bytes => new Uint8Array(Buffer.from(text));
  if (random(3) === 0) return damaged(texts.map(encode), random);
  let text = among(random, texts);
  for (let count = times(random); count > 0; count--) {
    const at = random(text.length + 1);
    const word = random(8) === 0 ? among(random, WORDS).repeat(random(2000)) : among(random, WORDS);
    text = text.slice(0, at) + word + text.slice(at + (random(2) && random(12)));
  }
  return encode(text);
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const VALUES: readonly Json[] = [
  ...[
    null,
    true,
    false,
    0,
    -0,
    1,
    -1,
    1.5,
    2,
    3,
    7,
    16,
    255,
    2 ** 20,
    2 ** 20 + 1,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    1e300,
  ],
  ...[
    "",
    "x",
    "0",
    "__proto__",
    "relu",
    "\0",
    "../x",
    [],
    {},
    [0],
    [1, 1],
    [[[[1]]]],
    [3, 3],
    [-1, 0],
    [0, 0, 0, 0],
  ],
];

/** A value, damaged: some of its parts are others, missing, twice there, or another part's. */
export function damagedJson(value: Json, random: Random): Json {
  let changed = value;
  for (let count = times(random); count > 0; count--) {
    const parts = partsOf(changed);
    const target = among(random, parts);
    const other = among(random, parts);
    changed = replaced(changed, target.path, random, other.value);
  }
  return changed;
}

interface Part {
  readonly path: readonly (string | number)[];
  readonly value: Json;
}

function partsOf(value: Json, path: Part["path"] = []): Part[] {
  if (typeof value !== "object" || value === null) return [{ path, value }];
  const inner = Array.isArray(value)
    ? value.flatMap((one, i) => partsOf(one, [...path, i]))
    : Object.entries(value).flatMap(([key, one]) => partsOf(one, [...path, key]));
  return [{ path, value }, ...inner];
}

function replaced(value: Json, [step, ...rest]: Part["path"], random: Random, other: Json): Json {
  if (step === undefined) {
    if (typeof value === "number" && random(2) === 0) return value + among(random, [-1, 1, value, 0.5]);
    return random(3) === 0 ? other : among(random, VALUES);
  }
  const isLast = rest.length === 0;
  const kind = isLast ? random(6) : 0;
  if (Array.isArray(value)) {
    const list = [...value];
    if (kind === 1) list.splice(step as number, 1);
    else if (kind === 2) list.splice(step as number, 0, list[step as number] as Json);
    else if (kind === 3) list.splice(step as number, 0, among(random, VALUES));
    else list[step as number] = replaced(list[step as number] as Json, rest, random, other);
    return list;
  }
  const entries = Object.entries(value as Record<string, Json>).flatMap(([key, one]): [string, Json][] => {
    if (key !== step) return [[key, one]];
    if (kind === 1) return [];
    if (kind === 2) return [[among(random, ["__proto__", "constructor", `${key}2`, ""]), one]];
    if (kind === 3)
      return [
        [key, one],
        [among(random, ["__proto__", "toString", "extra"]), among(random, VALUES)],
      ];
    return [[key, replaced(one, rest, random, other)]];
  });
  // From entries, so that __proto__ is a name like any other, as JSON.parse has it.
  return Object.fromEntries(entries);
}
