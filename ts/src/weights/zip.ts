/**
 * Zip archives (PKWARE's APPNOTE, 6.3) read where they lie: the directory at their end first, then each entry when it is asked
 * for. Stored and deflated entries, zip64. Checksums are not compared: PyTorch can be told to write none.
 */
import { ConvzooError } from "../errors.js";
import type { Bytes } from "./bytes.js";
import { decodeUtf8 } from "./text.js";

/** A file in an archive. */
export interface ZipEntry {
  readonly name: string;
  /** In bytes, unpacked. */
  readonly size: number;
  /** The unpacked bytes from `begin` up to `end`. A deflated entry is inflated once, in whole. */
  read(begin: number, end: number): Promise<Uint8Array>;
}

type Fail = (message: string, cause?: unknown) => never;

/** One line of the directory. */
interface Line {
  readonly name: string;
  readonly nameBytes: number;
  readonly flags: number;
  readonly method: number;
  /** In the archive. */
  readonly packed: number;
  readonly size: number;
  /** Of the header that precedes the entry's data. */
  readonly header: number;
}

const END = 0x06054b50;
const END_BYTES = 22;
const END64_LOCATOR = 0x07064b50;
const END64_LOCATOR_BYTES = 20;
const END64 = 0x06064b50;
const END64_BYTES = 56;
const LINE = 0x02014b50;
const LINE_BYTES = 46;
const HEADER = 0x04034b50;
const HEADER_BYTES = 30;
/** What stands in a field of 16 or 32 bits whose value is in a zip64 record. */
const [IN_ZIP64_16, IN_ZIP64] = [0xffff, 0xffffffff];
/** A checkpoint has some hundred entries; a directory this long is an attack. */
const MAX_DIRECTORY_BYTES = 2 ** 23;
/** Deflate makes at most this many bytes of one. */
const MAX_RATIO = 1032;

/**
 * The entries of an archive by name.
 *
 * @throws {ConvzooError} `bad-weights`
 */
export async function readZip(bytes: Bytes): Promise<ReadonlyMap<string, ZipEntry>> {
  const fail: Fail = (message, cause) => {
    const text = `${bytes.name} cannot be read as a zip archive: ${message}. Download it again, or save it again.`;
    throw new ConvzooError("bad-weights", text, { source: bytes.name, cause });
  };
  const entries = new Map<string, ZipEntry>();
  let packed = 0;
  for (const line of await readDirectory(bytes, fail)) {
    // A folder.
    if (line.name.endsWith("/")) continue;
    if (entries.has(line.name)) fail(`it has two entries ${line.name}`);
    if (line.flags & 1) fail(`its entry ${line.name} is encrypted`);
    if (line.method !== 0 && line.method !== 8) {
      fail(`its entry ${line.name} is compressed by method ${line.method}, and only deflate is read`);
    }
    const most = line.method === 0 ? line.packed : line.packed * MAX_RATIO;
    if (line.size > most || (line.method === 0 && line.size < most)) {
      fail(`its entry ${line.name} states ${line.size} bytes, which ${line.packed} in the archive cannot be`);
    }
    packed += line.packed;
    entries.set(line.name, entryOf(bytes, line, fail));
  }
  if (packed > bytes.size) fail(`its entries overlap, or it was cut short`);
  return entries;
}

async function readDirectory(bytes: Bytes, fail: Fail): Promise<Line[]> {
  const { count, size, begin } = await findDirectory(bytes, fail);
  if (size > MAX_DIRECTORY_BYTES) fail(`its directory has ${size} bytes, and at most 8 MiB are read`);
  if (!(begin + size <= bytes.size)) fail("its directory lies outside of it (it was cut short)");
  const directory = await bytes.read(begin, begin + size);
  const view = viewOf(directory);
  const lines: Line[] = [];
  for (let at = 0; lines.length < count; ) {
    if (at + LINE_BYTES > size || view.getUint32(at, true) !== LINE) fail("its directory is damaged");
    const nameBytes = view.getUint16(at + 28, true);
    const nameEnd = at + LINE_BYTES + nameBytes;
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const next = extraEnd + view.getUint16(at + 32, true);
    if (next > size) fail("its directory is damaged");
    // UTF-8 whatever the flag says: PyTorch's and NumPy's names are.
    const name =
      decodeUtf8(directory.subarray(at + LINE_BYTES, nameEnd)) ??
      fail("the name of an entry is not valid UTF-8");
    const [unpacked, packed, header] = wideFields(
      [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)],
      directory.subarray(nameEnd, extraEnd),
      fail,
    );
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    lines.push({ name, nameBytes, flags, method, packed, size: unpacked, header });
    at = next;
  }
  return lines;
}

/** The directory's place. Its record is the last thing in the archive, but for a comment of up to 64 KiB. */
async function findDirectory(bytes: Bytes, fail: Fail) {
  const tailBegin = Math.max(0, bytes.size - END_BYTES - 0xffff);
  const view = viewOf(await bytes.read(tailBegin, bytes.size));
  let at = view.byteLength - END_BYTES;
  while (at >= 0 && view.getUint32(at, true) !== END) at--;
  if (at < 0) fail("it has no directory (it was cut short)");
  const record = {
    count: view.getUint16(at + 10, true),
    size: view.getUint32(at + 12, true),
    begin: view.getUint32(at + 16, true),
  };
  const locator = at - END64_LOCATOR_BYTES;
  if (locator < 0 || view.getUint32(locator, true) !== END64_LOCATOR) {
    if (record.count === IN_ZIP64_16 || record.size === IN_ZIP64 || record.begin === IN_ZIP64) {
      fail("its zip64 record is missing");
    }
    return record;
  }
  const begin64 = uint64(view, locator + 8, fail);
  if (begin64 + END64_BYTES > bytes.size) fail("its zip64 record lies outside of it");
  const wide = viewOf(await bytes.read(begin64, begin64 + END64_BYTES));
  if (wide.getUint32(0, true) !== END64) fail("its zip64 record is damaged");
  return { count: uint64(wide, 32, fail), size: uint64(wide, 40, fail), begin: uint64(wide, 48, fail) };
}

/** Size, packed size and header place of a line; those that do not fit 32 bits are in its zip64 field, in this order. */
function wideFields(
  narrow: readonly [number, number, number],
  extra: Uint8Array,
  fail: Fail,
): [number, number, number] {
  if (!narrow.includes(IN_ZIP64)) return [...narrow];
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    const end = at + 4 + view.getUint16(at + 2, true);
    let next = at + 4;
    return narrow.map((value) => {
      if (value !== IN_ZIP64) return value;
      next += 8;
      if (next > end || next > extra.length) fail("a zip64 field in its directory is damaged");
      return uint64(view, next - 8, fail);
    }) as [number, number, number];
  }
  // 4 GiB less one byte is a size like any other where no zip64 field says more.
  return [...narrow];
}

function entryOf(bytes: Bytes, line: Line, fail: Fail): ZipEntry {
  const { name, nameBytes, size, packed, header } = line;
  // The lengths in an entry's own header count: PyTorch aligns data by padding that the directory does not mention.
  const dataBegin = async () => {
    const nameEnd = header + HEADER_BYTES + nameBytes;
    if (!(nameEnd <= bytes.size)) fail(`its entry ${name} lies outside of it`);
    const own = await bytes.read(header, nameEnd);
    const view = viewOf(own);
    const begin = nameEnd + view.getUint16(28, true);
    if (
      view.getUint32(0, true) !== HEADER ||
      view.getUint16(26, true) !== nameBytes ||
      decodeUtf8(own.subarray(HEADER_BYTES)) !== name
    ) {
      fail(`the header of its entry ${name} is damaged`);
    }
    if (begin + packed > bytes.size) fail(`its entry ${name} was cut short`);
    return begin;
  };
  let inflating: Promise<Uint8Array> | undefined;
  return {
    name,
    size,
    async read(begin, end) {
      const data = await dataBegin();
      if (line.method === 0) return bytes.read(data + begin, data + end);
      inflating ??= bytes.read(data, data + packed).then((deflated) => inflate(deflated, size, name, fail));
      return (await inflating).subarray(begin, end);
    },
  };
}

/** Inflates to exactly `size` bytes; what is beyond them is never unpacked. */
async function inflate(deflated: Uint8Array, size: number, name: string, fail: Fail): Promise<Uint8Array> {
  if (typeof DecompressionStream === "undefined") {
    const message =
      "The file is a compressed zip archive, which this runtime cannot inflate. Save it uncompressed.";
    throw new ConvzooError("unsupported", message);
  }
  const inflated = allocate(size, name);
  // A copy, since streams refuse shared memory.
  const stream = new Blob([new Uint8Array(deflated)])
    .stream()
    .pipeThrough(new DecompressionStream("deflate-raw"));
  const reader = stream.getReader();
  let filled = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (filled + value.length > size) fail(`its entry ${name} unpacks to more than its ${size} bytes`);
      inflated.set(value, filled);
      filled += value.length;
    }
  } catch (cause) {
    void reader.cancel().catch(() => undefined);
    if (cause instanceof ConvzooError) throw cause;
    fail(`its entry ${name} cannot be unpacked`, cause);
  }
  if (filled < size) fail(`its entry ${name} unpacks to ${filled} bytes and not to its ${size}`);
  return inflated;
}

function allocate(size: number, name: string): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    const message = `The entry ${name} of a zip archive unpacks to ${size} bytes, more than this runtime can hold.`;
    throw new ConvzooError("too-large", message, { cause });
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function uint64(view: DataView, at: number, fail: Fail): number {
  const value = Number(view.getBigUint64(at, true));
  return Number.isSafeInteger(value) ? value : fail(`it states a size of ${value} bytes`);
}
