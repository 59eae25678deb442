/** float16 on a device without it: float32 that is rounded to float16's numbers after every operation. */

const CHANGES = [
  ["enable f16;", ""],
  ["alias Factor = f16;", "alias Factor = f32;"],
  ["alias Factors = vec4<f16>;", "alias Factors = vec4<f32>;"],
  ["return Factors(numbers);", "return quantizeToF16(numbers);"],
  ["return sum + number * quadruple;", "return quantizeToF16(sum + quantizeToF16(number * quadruple));"],
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
