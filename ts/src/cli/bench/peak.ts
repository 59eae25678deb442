/** How many multiply-adds this runtime can do: a module of WebAssembly that does nothing else, written here opcode by opcode. */

/** Sums that do not wait for one another: enough to hide latencies, and with the factors all that V8 has registers for. */
const CHAINS = 13;
/** Of one call: a tenth of a millisecond or so. */
const LOOPS = 50_000;
/** Engines compile what runs often once more, better, which takes them a while. */
const MILLISECONDS = 200;

/** GFLOPS of one thread, the most that was seen; with `relaxed`, by fused multiply-adds, else a multiply and an add each. */
export function measurePeak(relaxed: boolean): number {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(peakModule(relaxed)));
  const run = exports.run as (loops: number) => number;
  const end = performance.now() + MILLISECONDS;
  let best = Number.POSITIVE_INFINITY;
  for (let before = performance.now(); before < end; ) {
    run(LOOPS);
    const after = performance.now();
    // A clock may be too coarse to see a call.
    if (after > before) best = Math.min(best, after - before);
    before = after;
  }
  // 4 lanes, a multiply and an add.
  return (LOOPS * CHAINS * 4 * 2) / best / 1e6;
}

/** Locals of the function: how many loops are left, the two factors, the sums. */
const LEFT = 0;
const SCALE = 1;
const SHIFT = 2;
const SUMS = 3;

/** Value types and opcodes, by their names in WebAssembly's specification. */
const I32 = 0x7f;
const F32 = 0x7d;
const V128 = 0x7b;
const NO_VALUE = 0x40;
const LOOP = 0x03;
const END = 0x0b;
const BR_IF = 0x0d;
const GET = 0x20;
const SET = 0x21;
const TEE = 0x22;
const I32_CONST = 0x41;
const F32_CONST = 0x43;
const I32_SUB = 0x6b;
const SPLAT = [0xfd, 0x13];
const EXTRACT_LANE = [0xfd, 0x1f];
const ADD = [0xfd, 0xe4, 0x01];
const MUL = [0xfd, 0xe6, 0x01];
const RELAXED_MADD = [0xfd, 0x85, 0x02];

/** Exports `run(loops: i32) -> f32`, which gives a sum of all that it computed, or it would not be computed. */
export function peakModule(relaxed: boolean): Uint8Array<ArrayBuffer> {
  const sums = Array.from({ length: CHAINS }, (_, i) => SUMS + i);
  // Each product is of its own sum: an engine would compute one that all share but once.
  const step = (sum: number): number[] =>
    relaxed
      ? [GET, sum, GET, SCALE, GET, SHIFT, ...RELAXED_MADD, SET, sum]
      : [GET, sum, GET, SCALE, ...MUL, GET, SHIFT, ...ADD, SET, sum];
  const code = [
    ...[F32_CONST, ...float32(0.5), ...SPLAT, SET, SCALE],
    ...[F32_CONST, ...float32(0.25), ...SPLAT, SET, SHIFT],
    ...[LOOP, NO_VALUE, ...sums.flatMap(step)],
    ...[GET, LEFT, I32_CONST, 1, I32_SUB, TEE, LEFT, BR_IF, 0, END],
    ...sums.flatMap((sum, i) => [GET, sum, ...(i ? ADD : [])]),
    ...[...EXTRACT_LANE, 0, END],
  ];
  const locals = [1, SUMS - SCALE + CHAINS, V128];
  const body = [...locals, ...code];
  return Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, I32, 1, F32]), // types: one, i32 -> f32
    ...section(3, [1, 0]), // functions: one, of that type
    ...section(7, [1, 3, ...new TextEncoder().encode("run"), 0, 0]), // exports: function 0
    ...section(10, [1, ...unsigned(body.length), ...body]), // code
  );
}

const section = (id: number, content: readonly number[]): number[] => [
  id,
  ...unsigned(content.length),
  ...content,
];

/** LEB128. */
const unsigned = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >> 7)];

const float32 = (value: number): Uint8Array => new Uint8Array(Float32Array.of(value).buffer);
