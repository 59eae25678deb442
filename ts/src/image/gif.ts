import { ConvzooError } from "../errors.js";
import type { Pixels } from "../tensor.js";
import { viewOf } from "./bytes.js";
import type { Wanted } from "./codec.js";
import { CHANNELS, checkSize, luma, type Mode } from "./pixels.js";
import { text } from "./sniff.js";

// Ours, as no npm library gives Pillow's pixels: omggif 1.0.10 takes truncated files with a line on the console and loses the
// colours under transparency, modern-gif 2.1.0 and gifuct-js 2.1.2 compose frames, and weigh more than this.

/** Codes of at most 12 bits. */
const MOST_CODES = 4096;
/** The starts and distances of an interlaced image's rows. */
const PASSES = [
  [0, 8],
  [4, 8],
  [2, 4],
  [1, 2],
] as const;

/** The first frame, as its headers say. */
interface Frame {
  /** Of the canvas, and the frame's place on it. */
  readonly size: readonly [width: number, height: number];
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** RGB bytes; undefined where indices are grays. */
  readonly palette: Uint8Array | undefined;
  /** The index that is transparent. */
  readonly transparent: number | undefined;
  readonly interlaced: boolean;
  /** Bits of an index, and where the blocks of codes begin. */
  readonly bits: number;
  readonly start: number;
}

/**
 * Decodes a GIF file, of an animation the first frame. Where that does not reach, the canvas is transparent, or of the first
 * colour where there is no transparency, as in Pillow. Throws `bad-image`.
 */
export function decodeGif(bytes: Uint8Array, { mode, maxPixels }: Omit<Wanted, "orientation">): Pixels {
  const frame = readFrame(bytes, maxPixels);
  const { size, box, interlaced } = frame;
  const [width, height] = size;
  const data = blocksAt(bytes, frame.start);
  // No code stands for more, so that a file's size says what it can fill.
  if (box.width * box.height > data.length * MOST_CODES) throw truncated();
  const indices = new Uint8Array(box.width * box.height);
  if (!readCodes(data, frame.bits, indices)) throw truncated();
  const canvas = new Uint8Array(width * height).fill(frame.transparent ?? 0);
  const rows = interlaced ? interlacedRows(box.height) : undefined;
  for (let i = 0; i < box.height; i++) {
    const y = box.y + (rows?.[i] ?? i);
    canvas.set(indices.subarray(i * box.width, (i + 1) * box.width), y * width + box.x);
  }
  return { width, height, data: coloured(canvas, frame, mode) };
}

function readFrame(bytes: Uint8Array, maxPixels: number): Frame {
  const view = viewOf(bytes);
  const byte = (at: number): number => {
    if (at >= bytes.length) throw truncated();
    return bytes[at] as number;
  };
  const word = (at: number) => byte(at) + 256 * byte(at + 1);
  const paletteAt = (at: number, flags: number): [Uint8Array | undefined, end: number] => {
    if ((flags & 0x80) === 0) return [undefined, at];
    const end = at + 3 * (2 << (flags & 7));
    if (end > view.byteLength) throw truncated();
    return [bytes.subarray(at, end), end];
  };
  const [screenWidth, screenHeight] = [word(6), word(8)];
  checkSize("The GIF file", Math.max(1, screenWidth), Math.max(1, screenHeight), maxPixels);
  const [common, first] = paletteAt(13, byte(10));
  let transparent: number | undefined;
  for (let at = first; ; ) {
    const block = text(bytes, at, 1);
    if (at >= bytes.length || block === ";") throw damaged("it holds no image");
    if (block === "!") {
      if (byte(at + 1) === 0xf9 && byte(at + 2) >= 4 && byte(at + 3) & 1) transparent = byte(at + 6);
      at += 2;
      while (byte(at) > 0) at += 1 + byte(at);
      at += 1;
    } else if (block === ",") {
      const [x, y, width, height] = [word(at + 1), word(at + 3), word(at + 5), word(at + 7)];
      const size = [Math.max(screenWidth, x + width), Math.max(screenHeight, y + height)] as const;
      checkSize("The GIF file", ...size, maxPixels);
      if (width === 0 || height === 0) throw damaged("its first frame is empty");
      const flags = byte(at + 9);
      const [own, end] = paletteAt(at + 10, flags);
      const bits = byte(end);
      if (bits < 1 || bits > 8) throw damaged(`it has colours of ${bits} bits`);
      const interlaced = (flags & 0x40) !== 0;
      const box = { x, y, width, height };
      return { size, box, palette: own ?? common, transparent, interlaced, bits, start: end + 1 };
    } else at += 1;
  }
}

/** What the whole blocks from here on hold, up to the empty one. */
function blocksAt(bytes: Uint8Array, start: number): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let at = start; ; ) {
    const length = bytes[at] ?? 0;
    const end = at + 1 + length;
    if (length === 0 || end > bytes.length) break;
    blocks.push(bytes.subarray(at + 1, end));
    at = end;
  }
  const all = new Uint8Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let to = 0;
  for (const block of blocks) {
    all.set(block, to);
    to += block.length;
  }
  return all;
}

/** Lempel, Ziv and Welch's codes of growing width, lowest bits first. Whether they fill `out`. Throws for codes that are none. */
function readCodes(data: Uint8Array, bits: number, out: Uint8Array): boolean {
  const clear = 1 << bits;
  const prefix = new Uint16Array(MOST_CODES);
  const suffix = new Uint8Array(MOST_CODES);
  const length = new Uint16Array(MOST_CODES).fill(1, 0, clear);
  for (let code = 0; code < clear; code++) suffix[code] = code;
  let [next, width, last] = [clear + 2, bits + 1, -1];
  let [held, count, from, to] = [0, 0, 0, 0];
  for (;;) {
    while (count < width) {
      if (from === data.length) return false;
      held |= (data[from++] as number) << count;
      count += 8;
    }
    const code = held & ((1 << width) - 1);
    held >>>= width;
    count -= width;
    if (code === clear) {
      [next, width, last] = [clear + 2, bits + 1, -1];
      continue;
    }
    if (code === clear + 1) return false;
    const isKnown = code < clear || (last >= 0 && code < next);
    if (!isKnown && (last < 0 || code !== next || next === MOST_CODES)) throw damaged("its codes are none");
    // A code that is only being made is the last one and its own first index.
    const known = isKnown ? code : last;
    const end = to + (length[known] as number) + (isKnown ? 0 : 1);
    let [at, of] = [isKnown ? end - 1 : end - 2, known];
    for (; of >= clear; at--) {
      if (at < out.length) out[at] = suffix[of] as number;
      of = prefix[of] as number;
    }
    if (at < out.length) out[at] = of;
    if (!isKnown && end <= out.length) out[end - 1] = of;
    if (last >= 0 && next < MOST_CODES) {
      prefix[next] = last;
      suffix[next] = of;
      length[next] = (length[last] as number) + 1;
      next++;
      if (next === 1 << width && width < 12) width++;
    }
    last = code;
    to = end;
    if (to >= out.length) return true;
  }
}

/** Where the rows of an interlaced image belong, in the order in which they come. */
function interlacedRows(height: number): readonly number[] {
  return PASSES.flatMap(([start, step]) =>
    Array.from({ length: Math.max(0, Math.ceil((height - start) / step)) }, (_, i) => start + i * step),
  );
}

/** Indices as the bytes of a mode; those beyond the palette are black, as in Pillow. */
function coloured(indices: Uint8Array, { palette, transparent }: Frame, mode: Mode): Uint8Array {
  const channels = CHANNELS[mode];
  const colours = new Uint8Array(256 * channels);
  for (let index = 0; index < 256; index++) {
    const rgb = [0, 1, 2].map((c) => (palette ? (palette[3 * index + c] ?? 0) : index)) as [
      number,
      number,
      number,
    ];
    if (mode === "L") colours[index] = luma(...rgb);
    else colours.set(rgb, channels * index);
    if (mode === "RGBA") colours[4 * index + 3] = index === transparent ? 0 : 255;
  }
  if (mode === "L") return indices.map((index) => colours[index] as number);
  const out = new Uint8Array(indices.length * channels);
  for (let i = 0, to = 0; i < indices.length; i++) {
    const from = channels * (indices[i] as number);
    for (let c = 0; c < channels; c++) out[to++] = colours[from + c] as number;
  }
  return out;
}

function truncated(): ConvzooError {
  const message = "The GIF file is truncated: it ends before its first frame does. Fetch it again.";
  return new ConvzooError("bad-image", message);
}

function damaged(why: string): ConvzooError {
  return new ConvzooError("bad-image", `The GIF file is damaged: ${why}. Fetch it again.`);
}
