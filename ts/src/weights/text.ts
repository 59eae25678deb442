/** Text of files: strictly UTF-8, or undefined. A mark of the byte order is kept, so that no two byte sequences are one text. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    // A copy, since decoders refuse shared memory.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  } catch {
    return undefined;
  }
}
