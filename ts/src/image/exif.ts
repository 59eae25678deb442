import { viewOf } from "./bytes.js";
import { text } from "./sniff.js";

const ORIENTATION = 0x0112;
/** The types of a field that may hold it: a byte, 16 and 32 bits. */
const READERS: Readonly<Record<number, (view: DataView, at: number, little: boolean) => number>> = {
  1: (view, at) => view.getUint8(at),
  3: (view, at, little) => view.getUint16(at, little),
  4: (view, at, little) => view.getUint32(at, little),
};

/**
 * The orientation in EXIF data (CIPA DC-008, a TIFF header and its first directory): 1, upright, to 8. What is damaged, or
 * no orientation, counts as 1, as it does in Pillow's `exif_transpose`.
 */
export function orientationOf(exif: Uint8Array): number {
  const data = text(exif, 0, 6) === "Exif\0\0" ? exif.subarray(6) : exif;
  if (data.length < 8) return 1;
  const order = text(data, 0, 2);
  if (order !== "II" && order !== "MM") return 1;
  const little = order === "II";
  const view = viewOf(data);
  const first = view.getUint32(4, little);
  if (first + 2 > data.length) return 1;
  const count = view.getUint16(first, little);
  for (let i = 0, at = first + 2; i < count && at + 12 <= data.length; i++, at += 12) {
    if (view.getUint16(at, little) !== ORIENTATION) continue;
    const value = READERS[view.getUint16(at + 2, little)]?.(view, at + 8, little) ?? 1;
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}
