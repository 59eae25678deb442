import { ConvzooError } from "../errors.js";
import { checkSize } from "./pixels.js";

export const SOS = 0xda;
export const EOI = 0xd9;
/** The most scans: writers make about 10, and libjpeg spends the time of a whole image on each, be it empty. */
const MAX_SCANS = 100;

/** A segment of a JPEG file, without marker and length; a scan's (SOS) with the coded data behind it. */
export interface Segment {
  readonly marker: number;
  readonly body: Uint8Array;
  readonly coded: Uint8Array;
}

/** Walks the segments to the end of the image: libjpeg would fill a truncated one with gray and only warn. */
export function readSegments(bytes: Uint8Array, maxPixels: number): Segment[] {
  const segments: Segment[] = [];
  const end = bytes.length;
  let framed = false;
  let scans = 0;
  let at = 2;
  while (at + 4 <= end || (at + 2 <= end && bytes[at + 1] === EOI)) {
    const marker = bytes[at + 1] as number;
    if (bytes[at] !== 0xff || marker === 0) throw damaged();
    if (marker === EOI) {
      if (framed) return segments;
      throw damaged();
    }
    if (marker === 0xff) {
      at += 1; // Any number of fill bytes may come before a marker.
      continue;
    }
    const length = uint16(bytes, at + 2);
    if (length < 2) throw damaged();
    const body = bytes.subarray(at + 4, at + 2 + length);
    if (isFrame(marker)) {
      checkFrame(marker, body, end, maxPixels);
      framed = true;
    }
    at += 2 + length;
    const start = at;
    if (marker === SOS) {
      at = skipScan(bytes, at);
      scans += 1;
      if (scans > MAX_SCANS) throw damaged();
    }
    segments.push({ marker, body, coded: bytes.subarray(start, at) });
  }
  throw new ConvzooError(
    "bad-image",
    "The JPEG file is truncated: it ends before its image does. Fetch it again.",
  );
}

/** The place of the first marker after a scan's data, in which 0xFF is followed by 0 or is a restart marker. */
function skipScan(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    at = bytes.indexOf(0xff, at);
    if (at === -1) return bytes.length;
    const next = bytes[at + 1];
    if (next === undefined) return bytes.length;
    if (next !== 0 && !(next >= 0xd0 && next <= 0xd7)) return at;
    at += 2;
  }
}

/** SOF0 to SOF15; among these numbers stand three other segments. */
export function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** `frame`: the precision, height, width and number of components, each with three bytes more. */
function checkFrame(marker: number, frame: Uint8Array, fileLength: number, maxPixels: number): void {
  const [precision, , , , , components] = frame;
  if (components === undefined || frame.length < 6 + 3 * components) throw damaged();
  const height = uint16(frame, 1);
  const width = uint16(frame, 3);
  checkSize("The JPEG file", width, height, maxPixels);
  if (precision !== 8) {
    throw new ConvzooError("bad-image", `The JPEG file has ${precision} bits a sample; save it with 8.`);
  }
  if (components !== 1 && components !== 3 && components !== 4) throw damaged();
  // Huffman codes spend a bit or more on each block of 64 samples of each component, and at least a quarter of the
  // pixels have a sample of their own: a file too short for its size is refused before its pixels are made.
  if (marker <= 0xc2 && width * height > fileLength * 8 * 64 * 4) throw damaged();
}

export function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

export function damaged(): ConvzooError {
  return new ConvzooError(
    "bad-image",
    "The JPEG file is damaged: its segments do not fit together. Fetch it again.",
  );
}
