/** What bytes that are no image of ours may be. Apart, as only the decoders say so, and what each application loads is small. */
import { matches, type Signature, text } from "./sniff.js";

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
