/** The image formats that are decoded here. */
export type ImageFormat = "jpeg" | "png" | "webp" | "gif" | "bmp";

/** Signatures at a place in the file; more than one must all be there. */
type Signature = readonly (readonly [at: number, text: string])[];

const DECODED: readonly (readonly [ImageFormat, Signature])[] = [
  ["jpeg", [[0, "\xff\xd8\xff"]]],
  ["png", [[0, "\x89PNG\r\n\x1a\n"]]],
  [
    "webp",
    [
      [0, "RIFF"],
      [8, "WEBP"],
    ],
  ],
  ["gif", [[0, "GIF87a"]]],
  ["gif", [[0, "GIF89a"]]],
  ["bmp", [[0, "BM"]]],
];

/** What people also hold, so that the message can name it. */
const OTHERS: readonly (readonly [string, Signature])[] = [
  ["an AVIF image", [[4, "ftypavi"]]],
  ["a HEIC image", [[4, "ftyphei"]]],
  ["a HEIC image", [[4, "ftypmif1"]]],
  ["a video", [[4, "ftyp"]]],
  ["a JPEG XL image", [[0, "\xff\x0a"]]],
  ["a JPEG XL image", [[4, "JXL \r\n"]]],
  ["a JPEG 2000 image", [[4, "jP  \r\n"]]],
  ["a TIFF image", [[0, "II*\0"]]],
  ["a TIFF image", [[0, "MM\0*"]]],
  ["an icon (.ico)", [[0, "\0\0\x01\0"]]],
  ["a PDF document", [[0, "%PDF"]]],
  ["a zip archive", [[0, "PK\x03\x04"]]],
  ["gzip-compressed data", [[0, "\x1f\x8b"]]],
  ["a NumPy array", [[0, "\x93NUMPY"]]],
];

/** The format of an encoded image, by its content; undefined if it is none that is decoded here. */
export function sniff(bytes: Uint8Array): ImageFormat | undefined {
  return DECODED.find(([, signature]) => matches(bytes, signature))?.[0];
}

/** What bytes that {@link sniff} does not know look like, for a message: "a GIF image", "an HTML page", ... */
export function looksLike(bytes: Uint8Array): string {
  if (bytes.length === 0) return "empty";
  const other = OTHERS.find(([, signature]) => matches(bytes, signature));
  if (other !== undefined) return other[0];
  const start = text(bytes, 0, 512);
  // Text has no control characters but white space; UTF-8 beyond ASCII may be there.
  if (/[\0-\x08\x0e-\x1f]/.test(start)) return "in no known format";
  const trimmed = start.replace(/^\xef\xbb\xbf/, "").trimStart();
  if (/^<svg|^<\?xml[^>]*>\s*<svg/i.test(trimmed)) return "an SVG drawing";
  if (/^<(!doctype html|html|head|body|!--)/i.test(trimmed)) return "an HTML page (perhaps an error page)";
  if (/^[{[]/.test(trimmed)) return "JSON text";
  return "text";
}

function matches(bytes: Uint8Array, signature: Signature): boolean {
  return signature.every(([at, wanted]) => text(bytes, at, wanted.length) === wanted);
}

/** Bytes as characters of the same codes. */
export function text(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}
