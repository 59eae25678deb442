/** Files of Node, Deno and Bun, held open and read here and there. */
import { type FileHandle, open } from "node:fs/promises";
import type { OpenFile } from "../weights/source.js";

/** A single read gives no more than 2 GiB. */
const MOST = 2 ** 30;

/** Opens a path or file URL. What is no regular file (a pipe, a device) is read to its end. Rejects as node:fs does. */
export async function openFile(pathOrFileUrl: string | URL): Promise<OpenFile> {
  const file = await open(pathOrFileUrl);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return await inMemory(file);
    const read = (begin: number, end: number) => readAt(file, begin, end);
    return { size: stat.size, read, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function inMemory(file: FileHandle): Promise<OpenFile> {
  const bytes = new Uint8Array(await file.readFile());
  return {
    size: bytes.length,
    read: async (begin, end) => bytes.slice(begin, end),
    close: () => file.close(),
  };
}

async function readAt(file: FileHandle, begin: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - begin);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(
      bytes,
      filled,
      Math.min(MOST, bytes.length - filled),
      begin + filled,
    );
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
