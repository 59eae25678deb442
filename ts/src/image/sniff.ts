/** The image formats that are decoded here. */
export type ImageFormat = "jpeg" | "png" | "webp" | "gif" | "bmp";

/** Signatures at a place in the file; more than one must all be there. */
export type Signature = readonly (readonly [at: number, text: string])[];

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

/** The format of an encoded image, by its content; undefined if it is none that is decoded here. */
export function sniff(bytes: Uint8Array): ImageFormat | undefined {
  return DECODED.find(([, signature]) => matches(bytes, signature))?.[0];
}

/** Whether all of a signature is there. */
export function matches(bytes: Uint8Array, signature: Signature): boolean {
  return signature.every(([at, wanted]) => text(bytes, at, wanted.length) === wanted);
}

/** Bytes as characters of the same codes. */
export function text(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}
