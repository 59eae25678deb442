/** What a recording asks of a device, held against the device's limits, without one: by the shaders' texts and constants. */
import type { GpuLimits, Recording } from "../src/backend/webgpu/recording.js";

/** Those that no plan depends on are the same on every device that asks for no others. */
const UNIFORM_BINDING = 2 ** 16;
const ALIGNMENT = 256;

/** Bytes of what lies in workgroup memory. */
const BYTES: Readonly<Record<string, number>> = {
  ...{ f32: 4, "atomic<u32>": 4 },
  ...{ "vec4<f16>": 8, "vec4<f32>": 16, "vec4<i32>": 16 },
};

type Constants = Readonly<Record<string, number>>;

/** All overrides of a text, with the values that a pipeline gives them or their own. */
function overrides(text: string, given: Constants): Constants {
  const found = [...text.matchAll(/^override (\w+): (?:u32|bool|f32) = ([\w.]+);/gm)];
  const declared = [...text.matchAll(/^\s*(?:@\w+\([^)]*\)\s*)*override\b/gm)];
  if (found.length !== declared.length) throw new Error("an override that is not understood");
  const own = found.map(([, name, value]) => [
    name!,
    value === "true" ? 1 : Number(value === "false" ? 0 : value),
  ]);
  const all: Record<string, number> = Object.fromEntries(own);
  const unknown = Object.keys(given).filter((name) => !(name in all));
  if (unknown.length > 0) throw new Error(`there is no override ${unknown.join(", ")}`);
  return { ...all, ...given };
}

/** A number, or one that the shader has by name. */
function resolved(text: string, word: string, constants: Constants): number {
  const named = new RegExp(`^const ${word}(?:: u32)? = (\\d+)u?;`, "m").exec(text)?.[1];
  const value = /^\d+$/.test(word) ? Number(word) : (constants[word] ?? Number(named));
  if (!Number.isInteger(value)) throw new Error(`${word} is no number`);
  return value;
}

/** What a pipeline takes: invocations along each axis, and bytes of workgroup memory. */
function takes(
  text: string,
  given: Constants,
): { readonly sides: readonly number[]; readonly memory: number } {
  const constants = overrides(text, given);
  const size = /@workgroup_size\(([^)]*)\)/.exec(text)?.[1];
  if (size === undefined) throw new Error("no workgroup_size");
  const sides = size.split(",").map((word) => resolved(text, word.trim(), constants));
  const arrays = [...text.matchAll(/var<workgroup> \w+: array<([\w<>]+), (\w+)>;/g)];
  const singles = [...text.matchAll(/var<workgroup> \w+: (atomic<u32>);/g)];
  if (arrays.length + singles.length !== [...text.matchAll(/var<workgroup>/g)].length)
    throw new Error("workgroup memory that is not understood");
  const memory = [...arrays, ...singles].reduce((sum, [, type, count = "1"]) => {
    const named = new RegExp(`^alias ${type} = ([\\w<>]+);`, "m").exec(text)?.[1] ?? type!;
    const bytes = BYTES[named];
    if (bytes === undefined) throw new Error(`how large is ${type}?`);
    return sum + bytes * resolved(text, count, constants);
  }, 0);
  return { sides, memory };
}

/** What a device of these limits would refuse of a network's buffers and of a recording, in words; empty where it runs. */
export function refusals(
  { pipelines, steps, banks, params }: Recording,
  shaders: Readonly<Record<string, string>>,
  buffers: readonly number[],
  limits: GpuLimits,
): string[] {
  const found: string[] = [];
  const most = (what: string, value: number, limit: number): void => {
    if (!(value <= limit)) found.push(`${what}: ${value} of ${limit}`);
  };
  for (const size of [...banks, ...buffers, 4 * params.length]) most("a buffer", size, limits.buffer);
  for (const { shader, constants } of pipelines) {
    const { sides, memory } = takes(shaders[shader]!, constants);
    most(
      `${shader}: invocations`,
      sides.reduce((a, b) => a * b, 1),
      limits.invocations,
    );
    for (const [i, side] of sides.entries())
      most(`${shader}: a workgroup's side`, side, limits.workgroup[i]!);
    most(`${shader}: workgroup memory`, memory, limits.workgroupMemory);
  }
  for (const { path, grid, bindings } of steps) {
    for (const count of grid) most(`${path}: workgroups`, count, limits.workgroups);
    const storage = bindings.filter((binding) => !("params" in binding));
    most(`${path}: storage buffers`, storage.length, limits.storageBuffers);
    for (const binding of bindings) {
      if ("nothing" in binding) continue;
      const isUniform = "params" in binding;
      const offset = isUniform ? binding.params : binding.offset;
      const all = isUniform
        ? 4 * params.length
        : "bank" in binding
          ? banks[binding.bank]!
          : buffers[binding.weights]!;
      most(`${path}: a binding`, binding.size, isUniform ? UNIFORM_BINDING : limits.binding);
      most(`${path}: a binding's end`, offset + binding.size, all);
      if (offset % ALIGNMENT !== 0) found.push(`${path}: a binding begins at ${offset}`);
    }
    // What is written is the last, in a buffer that the step does not read.
    const written = storage.at(-1)!;
    const same = storage
      .slice(0, -1)
      .some((one) => "bank" in one && "bank" in written && one.bank === written.bank);
    if (same || !("bank" in written)) found.push(`${path}: what it writes`);
  }
  return found;
}
