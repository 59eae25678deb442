/** The core's .wasm with something broken in it: how a core that fails is made on purpose. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { corePath } from "./package.js";

const MEMORY = 5;
const EXPORT = 7;
const CODE = 10;
const IMPORT = 2;

/** A copy of the core `build`, unpacked. */
function coreBytes(build: string): Uint8Array<ArrayBuffer> {
  const bytes = readFileSync(corePath(build));
  return new Uint8Array(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes);
}

/** The core `build`, in which the exported function `name` traps as soon as it is called. */
export function trappingCore(build: string, name: string): Uint8Array<ArrayBuffer> {
  const bytes = coreBytes(build);
  const { start, end } = bodyOf(bytes, name);
  // No locals; unreachable, after which any number of nops has the type of any function; end.
  bytes.fill(0x01, start, end);
  bytes.set([0x00, 0x00], start);
  bytes[end - 1] = 0x0b;
  return bytes;
}

/** The core `build` (one without threads), whose memory cannot grow beyond `pages` of 64 KiB. */
export function smallCore(build: string, pages: number): Uint8Array<ArrayBuffer> {
  const bytes = coreBytes(build);
  const memory = sections(bytes).find(({ id }) => id === MEMORY)!;
  const reader = new Reader(bytes, memory.start);
  const count = reader.u32();
  const flags = reader.byte();
  const least = reader.u32();
  if (count !== 1 || (flags & ~1) !== 0)
    throw new Error(`${build}.wasm has another kind of memory than expected`);
  const content = [1, 1, ...leb(least), ...leb(pages)];
  const section = [MEMORY, ...leb(content.length), ...content];
  return Uint8Array.from([...bytes.subarray(0, memory.header), ...section, ...bytes.subarray(memory.end)]);
}

/** Where the code of an exported function stands, after its size. */
function bodyOf(bytes: Uint8Array, name: string): { start: number; end: number } {
  const index = exportedFunction(bytes, name) - importedFunctions(bytes);
  const code = sections(bytes).find(({ id }) => id === CODE)!;
  const reader = new Reader(bytes, code.start);
  reader.u32();
  for (let i = 0; ; i++) {
    const size = reader.u32();
    if (i === index) return { start: reader.at, end: reader.at + size };
    reader.at += size;
  }
}

function exportedFunction(bytes: Uint8Array, name: string): number {
  const reader = new Reader(bytes, sections(bytes).find(({ id }) => id === EXPORT)!.start);
  for (let left = reader.u32(); left > 0; left--) {
    const text = reader.name();
    const kind = reader.byte();
    const index = reader.u32();
    if (kind === 0 && text === name) return index;
  }
  throw new Error(`the core exports no function ${name}`);
}

function importedFunctions(bytes: Uint8Array): number {
  const section = sections(bytes).find(({ id }) => id === IMPORT)!;
  const reader = new Reader(bytes, section.start);
  let functions = 0;
  for (let left = reader.u32(); left > 0; left--) {
    reader.name();
    reader.name();
    const kind = reader.byte();
    if (kind === 0) {
      functions++;
      reader.u32();
    } else if (kind === 2) {
      const flags = reader.byte();
      reader.u32();
      if (flags & 1) reader.u32();
    } else {
      throw new Error(`the core imports something of kind ${kind}, which this does not know`);
    }
  }
  return functions;
}

function sections(bytes: Uint8Array): { id: number; header: number; start: number; end: number }[] {
  const found = [];
  const reader = new Reader(bytes, 8);
  while (reader.at < bytes.length) {
    const header = reader.at;
    const id = reader.byte();
    const size = reader.u32();
    found.push({ id, header, start: reader.at, end: reader.at + size });
    reader.at += size;
  }
  return found;
}

class Reader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    return this.bytes[this.at++]!;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  name(): string {
    const length = this.u32();
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }
}

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}
