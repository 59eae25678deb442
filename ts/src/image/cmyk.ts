import { ConvzooError } from "../errors.js";
import type { Pixels } from "../tensor.js";
import { damaged, EOI, isFrame, type Segment, SOS, uint16 } from "./segments.js";
import { text } from "./sniff.js";

// The decoder gives three components at most. A block's code does not depend on those of other components, so that a file
// of four is taken apart into two files of three without decoding any: their bits are copied, and those between left out.

const DHT = 0xc4;
const DRI = 0xdd;
const APP14 = 0xee;
const PROGRESSIVE = 0xc2;

/** A component's number, and its blocks across and down in a unit (MCU). */
interface Component {
  readonly id: number;
  readonly h: number;
  readonly v: number;
}

interface Frame {
  readonly progressive: boolean;
  readonly width: number;
  readonly height: number;
  readonly components: readonly Component[];
}

/** A Huffman table as its segment has it: how many codes there are of each length, and what they stand for. */
interface Table {
  readonly counts: Uint8Array;
  readonly symbols: Uint8Array;
}

/**
 * The RGB pixels that Pillow's `convert` makes of a CMYK or YCCK file (Adobe Technical Note 5116): its inks are inverted, as
 * Adobe's programs write them. Throws `bad-image`.
 */
export function decodeCmyk(segments: readonly Segment[], decode: (file: Uint8Array) => Pixels): Pixels {
  const frame = readFrame(segments);
  const isYcck = segments.some(({ marker, body }) => {
    return marker === APP14 && text(body, 0, 5) === "Adobe" && body[11] === 2;
  });
  const inks = [0, 1, 2];
  // Black beside two others that keep the frame's units as large as they are.
  const black = [
    [0, 1, 3],
    [0, 2, 3],
    [1, 2, 3],
  ].find((kept) => sameUnits(frame, kept));
  if (!black || !sameUnits(frame, inks)) throw unusual();
  const { width, height, data } = decode(withComponents(segments, frame, inks, isYcck ? 1 : 0));
  const { data: others } = decode(withComponents(segments, frame, black, 0));
  for (let at = 0; at < data.length; at += 3) {
    const white = others[at + 2] as number;
    for (let c = at; c < at + 3; c++) {
      const ink = isYcck ? (data[c] as number) : 255 - (data[c] as number);
      // ink * white / 255, rounded.
      const product = ink * white + 128;
      data[c] = Math.max(0, white - ((product + (product >> 8)) >> 8));
    }
  }
  return { width, height, data };
}

function readFrame(segments: readonly Segment[]): Frame {
  const frames = segments.filter(({ marker }) => isFrame(marker));
  const { marker, body } = frames[0]!;
  if (frames.length > 1 || marker > PROGRESSIVE) throw unusual();
  const components = [0, 1, 2, 3].map((i) => {
    const [id, factors] = [body[6 + 3 * i] as number, body[7 + 3 * i] as number];
    return { id, h: factors >> 4, v: factors & 15 };
  });
  if (components.some(({ h, v }) => h < 1 || h > 4 || v < 1 || v > 4)) throw damaged();
  return { progressive: marker === PROGRESSIVE, height: uint16(body, 1), width: uint16(body, 3), components };
}

/** The blocks across and down in a unit. */
function unitOf(components: readonly Component[]): readonly [number, number] {
  return [Math.max(...components.map(({ h }) => h)), Math.max(...components.map(({ v }) => v))];
}

function sameUnits({ components }: Frame, kept: readonly number[]): boolean {
  return String(unitOf(components)) === String(unitOf(kept.map((i) => components[i]!)));
}

/** The file with three of its components, to be taken for RGB (`transform` 0) or YCbCr (1). */
function withComponents(
  segments: readonly Segment[],
  frame: Frame,
  kept: readonly number[],
  transform: number,
): Uint8Array {
  const ids = new Set(kept.map((i) => frame.components[i]!.id));
  const tables = new Map<number, Table>();
  let restart = 0;
  const adobe = Uint8Array.of(0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, transform);
  const parts = [Uint8Array.of(0xff, 0xd8), ...segment(APP14, adobe)];
  for (const { marker, body, coded } of segments) {
    // Applications' data and comments.
    if ((marker >= 0xe0 && marker <= 0xef) || marker === 0xfe) continue;
    if (marker === DHT) readTables(body, tables);
    if (marker === DRI && body.length >= 2) restart = uint16(body, 0);
    if (isFrame(marker)) {
      const entries = kept.flatMap((i) => [...body.subarray(6 + 3 * i, 9 + 3 * i)]);
      parts.push(...segment(marker, Uint8Array.of(...body.subarray(0, 5), 3, ...entries)));
    } else if (marker === SOS) {
      const scan = readScan(body, frame);
      const left = scan.components.filter(({ id }) => ids.has(id));
      if (left.length === 0) continue;
      const entries = left.flatMap(({ id, table }) => [id, table]);
      parts.push(...segment(SOS, Uint8Array.of(left.length, ...entries, ...scan.rest)));
      if (left.length === scan.components.length) parts.push(coded);
      else if (left.length === 1 && left[0]!.h * left[0]!.v > 1) throw unusual();
      else parts.push(filtered(coded, scan, frame, ids, tables, restart));
    } else parts.push(...segment(marker, body));
  }
  return concatenated([...parts, Uint8Array.of(0xff, EOI)]);
}

interface Scan {
  /** With its tables' numbers: DC's in the upper four bits, AC's in the lower. */
  readonly components: readonly (Component & { readonly table: number })[];
  /** First and last coefficient, and the bits that earlier scans gave (upper four) and this one gives up to. */
  readonly rest: Uint8Array;
}

function readScan(body: Uint8Array, { components }: Frame): Scan {
  const count = body[0] ?? 0;
  if (count < 1 || count > 4 || body.length < 4 + 2 * count) throw damaged();
  const found = Array.from({ length: count }, (_, i) => {
    const component = components.find(({ id }) => id === body[1 + 2 * i]);
    if (!component) throw damaged();
    return { ...component, table: body[2 + 2 * i] as number };
  });
  return { components: found, rest: body.subarray(1 + 2 * count, 4 + 2 * count) };
}

/** Adds a segment's Huffman tables, by class (upper four bits: 0 DC, 1 AC) and number. */
function readTables(body: Uint8Array, tables: Map<number, Table>): void {
  for (let at = 0; at + 17 <= body.length; ) {
    const counts = body.subarray(at + 1, at + 17);
    const total = counts.reduce((sum, count) => sum + count, 0);
    tables.set(body[at] as number, { counts, symbols: body.subarray(at + 17, at + 17 + total) });
    at += 17 + total;
  }
}

/** A scan's coded data without the blocks of components that are not in `ids`. */
function filtered(
  coded: Uint8Array,
  { components, rest }: Scan,
  { progressive, width, height, components: all }: Frame,
  ids: ReadonlySet<number>,
  tables: ReadonlyMap<number, Table>,
  restart: number,
): Uint8Array {
  const { copyBit, copyBlock, pass, result } = copier(coded);
  const refines = progressive && (rest[2] as number) >> 4 > 0;
  const tableOf = (number: number) => {
    const table = tables.get(number);
    if (!table && !refines) throw damaged();
    return table;
  };
  const blocks = components.flatMap(({ id, h, v, table }) => {
    const dc = tableOf(table >> 4);
    const ac = progressive ? undefined : tableOf(0x10 | (table & 15));
    return Array.from({ length: h * v }, () => ({ kept: ids.has(id), dc, ac }));
  });
  const [across, down] = unitOf(all);
  const units = Math.ceil(width / (8 * across)) * Math.ceil(height / (8 * down));
  for (let unit = 0; unit < units; unit++) {
    if (restart > 0 && unit > 0 && unit % restart === 0) pass();
    for (const { kept, dc, ac } of blocks) {
      if (refines) copyBit(kept);
      else copyBlock(kept, dc!, ac);
    }
  }
  return result();
}

/** Copies bits of coded data, in which a zero byte follows each 0xFF. */
function copier(coded: Uint8Array) {
  // Shifted bits may need a zero byte where there was none.
  const out = new Uint8Array(2 * coded.length + 2);
  let [at, byte, bits] = [0, 0, 0];
  let [to, made, room] = [0, 0, 8];

  const put = (bit: number) => {
    made = (made << 1) | bit;
    if (--room > 0) return;
    out[to++] = made;
    if (made === 0xff) out[to++] = 0;
    [made, room] = [0, 8];
  };
  const copyBit = (kept: boolean): number => {
    if (bits === 0) {
      if (at >= coded.length) throw damaged();
      byte = coded[at++] as number;
      if (byte === 0xff && coded[at++] !== 0) throw damaged();
      bits = 8;
    }
    const bit = (byte >> --bits) & 1;
    if (kept) put(bit);
    return bit;
  };
  /** Copies a Huffman code and gives what it stands for. */
  const copyCode = (kept: boolean, { counts, symbols }: Table): number => {
    let [code, first, index] = [0, 0, 0];
    for (const count of counts) {
      code |= copyBit(kept);
      if (code - first < count) return symbols[index + code - first] ?? 0;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw damaged();
  };
  const copyNumber = (kept: boolean, size: number) => {
    for (let i = 0; i < size; i++) copyBit(kept);
  };
  /** Copies a block's first coefficient, and with `ac` the other 63. */
  const copyBlock = (kept: boolean, dc: Table, ac: Table | undefined) => {
    copyNumber(kept, copyCode(kept, dc) & 15);
    for (let k = 1; ac && k < 64; k++) {
      const symbol = copyCode(kept, ac);
      const [run, size] = [symbol >> 4, symbol & 15];
      if (size === 0 && run < 15) return;
      k += run;
      copyNumber(kept, size);
    }
  };
  /** Fills the last byte up with ones. */
  const flush = () => {
    while (room < 8) put(1);
  };
  /** Passes a restart marker on. */
  const pass = () => {
    flush();
    bits = 0;
    const marker = coded[at + 1] as number;
    if (coded[at] !== 0xff || !(marker >= 0xd0 && marker <= 0xd7)) throw damaged();
    out.set([0xff, marker], to);
    at += 2;
    to += 2;
  };
  const result = () => {
    flush();
    return out.subarray(0, to);
  };
  return { copyBit, copyBlock, pass, result };
}

function segment(marker: number, body: Uint8Array): Uint8Array[] {
  const length = body.length + 2;
  return [Uint8Array.of(0xff, marker, length >> 8, length & 255), body];
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function unusual(): ConvzooError {
  return new ConvzooError("bad-image", "The JPEG file is CMYK of an unusual kind; save it as RGB.");
}
