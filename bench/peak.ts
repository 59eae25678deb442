/**
 * A hand-written module whose loops do nothing but multiply-adds, or nothing but loads, as fast as the runtime lets
 * WebAssembly do either: the two bounds of the roofline.
 */
import createWabt from "wabt";

/** Sums that do not wait for one another: enough to hide a multiply-add's latency, few enough for 16 registers. */
const CHAINS = 12;
const LOOPS = 5_000_000;
const UNROLL = 8;

/** What one call of `fma` computes: 4 lanes, a multiply and an add. */
export const FLOPS = LOOPS * CHAINS * 4 * 2;
/** What one call of `read` reads: more than any cache holds. */
export const BYTES = 1 << 28;

/** The module; without relaxed SIMD, for a Node that lacks it, the multiply-adds are two instructions. */
export async function makePeak(relaxed: boolean): Promise<Uint8Array> {
  const each = <T>(n: number, f: (i: number) => T): string =>
    Array.from({ length: n }, (_, i) => f(i)).join("\n");
  const sum = (i: number): string => {
    const parts = `(local.get $a) (local.get $b)`;
    return relaxed
      ? `(local.set $s${i} (f32x4.relaxed_madd ${parts} (local.get $s${i})))`
      : `(local.set $s${i} (f32x4.add (f32x4.mul ${parts}) (local.get $s${i})))`;
  };
  const locals = (n: number): string => each(n, (i) => `(local $s${i} v128)`);
  // What was summed is stored, or it would not be computed.
  const keep = (n: number): string => each(n, (i) => `(v128.store (i32.const ${16 * i}) (local.get $s${i}))`);
  const text = `(module
    (memory ${BYTES / 65536})
    ;; Pages that were never written are all the same page of zeros, which a cache holds.
    (func $touch (memory.fill (i32.const 0) (i32.const 1) (i32.const ${BYTES})))
    (start $touch)
    (func (export "fma") (local $i i32) (local $a v128) (local $b v128) ${locals(CHAINS)}
      (local.set $a (v128.const f32x4 0.5 0.5 0.5 0.5))
      (local.set $b (v128.const f32x4 0.25 0.25 0.25 0.25))
      (loop $again
        ${each(CHAINS, sum)}
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const ${LOOPS}))))
      ${keep(CHAINS)})
    (func (export "read") (local $i i32) ${locals(UNROLL)}
      (loop $again
        ${each(UNROLL, (i) => `(local.set $s${i} (v128.or (local.get $s${i}) (v128.load offset=${16 * i} (local.get $i))))`)}
        (local.set $i (i32.add (local.get $i) (i32.const ${16 * UNROLL})))
        (br_if $again (i32.lt_u (local.get $i) (i32.const ${BYTES}))))
      ${keep(UNROLL)}))`;
  const wabt = await createWabt();
  const module = wabt.parseWat("peak.wat", text, { simd: true, relaxed_simd: true, bulk_memory: true });
  const { buffer } = module.toBinary({});
  module.destroy();
  return buffer;
}
