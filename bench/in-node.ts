/** Node's side: `node --import tsx in-node.ts SETTINGS`; what it reads and prints is told in session.ts. */
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { open, type Settings } from "./engine.js";

const settings = JSON.parse(process.argv[2]!) as Settings;
const print = (value: unknown): unknown => process.stdout.write(`${JSON.stringify(value)}\n`);
const folder = new URL(`../build/bench/${settings.model}/`, import.meta.url);
const { opened, time } = await open(settings, async (name) => {
  const { buffer, byteOffset, length } = await readFile(new URL(name, folder));
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, length);
});
print(opened);
for await (const line of createInterface(process.stdin)) print(await time(Number(line)));
print(process.resourceUsage().maxRSS / 1024);
process.exit();
