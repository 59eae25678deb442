/** Decoding and resizing random images, against the Pillow of this machine: `CONVZOO_PYTHON` says which Python has it. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Filter } from "../../src/image/preprocess.js";
import { convzoo } from "./package.js";

const { decode, resize } = convzoo;

interface Made {
  readonly pillow: string;
  readonly resizes: readonly {
    readonly mode: string;
    readonly size: readonly [number, number];
    readonly to: readonly [number, number];
    readonly filter: Filter;
    readonly from: string;
    readonly made: string;
  }[];
  readonly decodes: readonly {
    readonly about: string;
    readonly file: string;
    readonly size: readonly [number, number];
    readonly made: Readonly<Record<"L" | "RGB" | "RGBA", string>>;
    readonly turned: { readonly size: readonly [number, number]; readonly made: string };
  }[];
}

const python = process.env.CONVZOO_PYTHON ?? "python3";
const here =
  spawnSync(python, ["-c", "from PIL import features; assert features.check('webp')"]).status === 0;
const seed = Math.floor(Math.random() * 2 ** 31);
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));

const suite = `Pillow's bytes${here ? ` (seed ${seed})` : " (skipped: CONVZOO_PYTHON names no Python with Pillow)"}`;
describe.skipIf(!here)(suite, () => {
  const script = fileURLToPath(new URL("pillow.py", import.meta.url));
  const counts = (process.env.CONVZOO_PILLOW ?? "300,200").split(",");
  const run = () =>
    spawnSync(python, ["-W", "ignore", script, String(seed), ...counts], {
      maxBuffer: 2 ** 30,
      encoding: "utf8",
    });
  let made: Made | undefined;
  const cases = () => {
    if (made) return made;
    const { stdout, stderr } = run();
    if (!stdout) throw new Error(stderr);
    made = JSON.parse(stdout) as Made;
    return made;
  };

  test("of random sizes, filters and modes, resized", async () => {
    for (const { mode, size, to, filter, from, made: want } of cases().resizes) {
      const [width, height] = size;
      const out = await resize(
        { width, height, data: bytesOf(from) },
        { width: to[0], height: to[1], filter },
      );
      expect([out.width, out.height]).toEqual(to);
      const same = Buffer.from(out.data).equals(bytesOf(want));
      expect(same, `${mode} ${size} to ${to} by ${filter}`).toBe(true);
    }
    expect(cases().resizes.length).toBe(Number(counts[0]));
  });

  test("of random files of every kind that it writes, decoded", async () => {
    for (const { about, file, size, made: want, turned } of cases().decodes) {
      for (const mode of ["L", "RGB", "RGBA"] as const) {
        const { width, height, data } = await decode(bytesOf(file), { mode });
        expect([width, height], about).toEqual(size);
        expect(Buffer.from(data).equals(bytesOf(want[mode])), `${about} as ${mode}`).toBe(true);
      }
      const { width, height, data } = await decode(bytesOf(file), { orientation: true });
      expect([width, height], about).toEqual(turned.size);
      expect(Buffer.from(data).equals(bytesOf(turned.made)), `${about} turned`).toBe(true);
    }
    expect(cases().decodes.length).toBe(Number(counts[1]));
  });
});
