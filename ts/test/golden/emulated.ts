/** float16 on a device without it: float32 that is rounded to float16's numbers after every operation. */

/** To the nearest number that float16 has, ties to even; what is beyond its range becomes the largest. quantizeToF16 may round up or down. */
const ROUNDED = `
fn rounded(x: vec4<f32>) -> vec4<f32> {
  let bits = bitcast<vec4<u32>>(x);
  let normal = bitcast<vec4<f32>>((bits + 0xfff + ((bits >> vec4(13u)) & vec4(1u))) & vec4(0xffffe000u));
  // Multiples of 2^-24, as are the floats from a half to one.
  let small = ((abs(x) + 0.75) - 0.75) * sign(x);
  return clamp(select(normal, small, abs(x) < vec4(0x1p-14)), vec4(-65504.0), vec4(65504.0));
}
`;

const CHANGES = [
  ["enable f16;", ""],
  ["alias Factor = f16;", "alias Factor = f32;"],
  ["alias Factors = vec4<f16>;", `alias Factors = vec4<f32>;${ROUNDED}`],
  ["return Factors(numbers);", "return rounded(numbers);"],
  ["return sum + number * quadruple;", "return rounded(sum + rounded(number * quadruple));"],
] as const;

/** A shader's text with what it computes in float16 emulated; others as they are. */
export function emulated(name: string, text: string): string {
  if (!name.endsWith("_f16")) return text;
  let changed = text;
  for (const [from, to] of CHANGES) {
    if (text.split(from).length !== 2) throw new Error(`${name} has not one "${from}"`);
    changed = changed.replace(from, to);
  }
  if (/\bf16\b|\dh\b/.test(changed)) throw new Error(`${name} has float16 that is not emulated`);
  return changed;
}
