/** A loop as std's, around a wait: in Node 20 it loses its count of turns, unless the wait stands in a function of its own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import wabt from "wabt";
// @ts-expect-error our scripts have no types
import { isolateWaits } from "../../../scripts/waits.mjs";

const folder = mkdtempSync(join(tmpdir(), "convzoo-waits-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** `turns(address)` waits for 1 at an address plus 4 and takes it away; how many turns that took, 1000 at most. */
const source = `(module
  (import "env" "memory" (memory 1 1 shared))
  (func (export "turns") (param i32) (result i32) (local i32 i32)
    (local.set 1 (local.get 0))
    (loop
      (if (i32.gt_u (local.tee 2 (i32.add (local.get 2) (i32.const 1))) (i32.const 1000)) (then
        (return (i32.const -1))))
      (drop (memory.atomic.wait32 WHERE (local.get 1) (i32.const -1) (i64.const -1)))
      (br_if 0 (i32.ne (i32.atomic.rmw.cmpxchg WHERE (local.get 1) (i32.const 1) (i32.const 0)) (i32.const 1))))
    (local.get 2)))`;

test.each(["", "offset=4", "offset=4096"])("a wait %s", async (where) => {
  const module = (await wabt()).parseWat("w.wat", source.replaceAll("WHERE", where), { threads: true });
  const path = join(folder, "w.wasm");
  writeFileSync(path, module.toBinary({}).buffer);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const numbers = new Int32Array(memory.buffer);
  const bytes = new Uint8Array(isolateWaits(path));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const turns = exports.turns as (address: number) => number;
  const place = (64 + Number(where.split("=")[1] ?? 0)) / 4;
  numbers[place] = 1;
  expect(turns(64)).toBe(1);
  expect(numbers[place]).toBe(0);
  numbers[place] = 5;
  expect(turns(64)).toBe(-1);
});
