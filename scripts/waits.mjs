/**
 * Gives each kind of `memory.atomic.wait32` a function of its own, which the others call.
 *
 * The baseline compiler of V8 11 (Node 20) loses count of its registers at this instruction: what a function has in locals may
 * be another number behind it. std's waits are loops around one, so a thread that slept could look at the wrong place for
 * ever, depending on nothing but how LLVM had ordered the loop. In a function that ends with its wait there is nothing to lose.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./toolchain.mjs";

/** The module at a path with its waits so moved. */
export function isolateWaits(path) {
  const objdump = join(root, "node_modules/wabt/bin/wasm-objdump");
  const { status, stdout, said } = run(process.execPath, [objdump, "-d", path]);
  if (status !== 0) throw new Error(`build: wasm-objdump of ${path} failed: ${said}`);
  const functions = [...stdout.matchAll(/^[0-9a-f]+ func\[(\d+)\]/gm)];
  const waits = [...stdout.matchAll(/^ ([0-9a-f]+): ([0-9a-f ]+?) +\| *memory\.atomic\.wait32/gm)];
  const bytes = readFileSync(path);
  // They differ by the offset that they add to the address.
  const kinds = [...new Set(waits.map(([, , hex]) => hex))].map((hex) => hex.replaceAll(" ", ""));
  for (const [, at, hex] of waits) {
    const wait = Buffer.from(hex.replaceAll(" ", ""), "hex");
    const place = bytes.subarray(Number.parseInt(at, 16)).subarray(0, wait.length);
    if (!place.equals(wait)) throw new Error(`build: there is no wait at ${at} of ${path}`);
    // A call, written as long as the wait, so that nothing moves.
    const callee = Number(functions.at(-1)[1]) + 1 + kinds.indexOf(wait.toString("hex"));
    Buffer.from([0x10, ...unsigned(callee, wait.length - 1)]).copy(place);
  }
  const bodies = kinds.map((wait) => {
    const body = Buffer.from(`00200020012002${wait}0b`, "hex");
    return Buffer.concat([unsigned(body.length), body]);
  });
  const sections = sectionsOf(bytes);
  const section = (wanted) => sections.find(({ id }) => id === wanted);
  const type = unsigned(numberAt(section(TYPE).content, 0).value);
  append(section(TYPE), [Buffer.from("60037f7f7e017f", "hex")]);
  append(section(FUNCTION), Array(kinds.length).fill(type));
  append(section(CODE), bodies);
  const parts = sections.flatMap(({ id, content }) => [Buffer.from([id]), unsigned(content.length), content]);
  return Buffer.concat([bytes.subarray(0, 8), ...parts]);
}

const [TYPE, FUNCTION, CODE] = [1, 3, 10];

/** [{ id, content }] of all sections of a module, in their order. */
function sectionsOf(bytes) {
  const sections = [];
  for (let at = 8; at < bytes.length; ) {
    const { value, end } = numberAt(bytes, at + 1);
    sections.push({ id: bytes[at], content: bytes.subarray(end, end + value) });
    at = end + value;
  }
  return sections;
}

/** Puts more behind a section's list. */
function append(section, more) {
  const { value, end } = numberAt(section.content, 0);
  section.content = Buffer.concat([unsigned(value + more.length), section.content.subarray(end), ...more]);
}

/** A number in LEB128, and where it ends. */
function numberAt(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7, at++) {
    value += (bytes[at] & 127) * 2 ** shift;
    if (bytes[at] < 128) return { value, end: at + 1 };
  }
}

/** The same the other way round, in at least so many bytes. */
function unsigned(value, width = 1) {
  const bytes = [];
  for (; value > 0 || bytes.length < width; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  bytes[bytes.length - 1] &= 127;
  return Buffer.from(bytes);
}
