/** What bundlers take of the built package for what an application imports. */
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { rollup } from "rollup";
import { describe, expect, test } from "vitest";
import { convzoo, root } from "./package.js";

const { zoo } = convzoo;

/** All that esbuild puts into one file: what is imported when it is first needed, too. */
async function byEsbuild(names: string, entry: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `export { ${names} } from "./dist/${entry}.js";`, resolveDir: root },
    bundle: true,
    charset: "utf8",
    format: "esm",
    platform: "neutral",
    external: ["node:*"],
    write: false,
    logLevel: "error",
  });
  return outputFiles[0]!.text;
}

/** What Rollup (and Vite) makes to be loaded at once: a file, and those that it imports. */
async function byRollup(names: string, entry: string): Promise<string> {
  const bundle = await rollup({
    input: "application",
    external: /^node:/,
    plugins: {
      name: "files of dist, without side effects as package.json says",
      resolveId: (id, from) =>
        id === "application"
          ? id
          : { id: join(from === "application" ? root : dirname(from!), id), moduleSideEffects: false },
      load: (id) => (id === "application" ? `export { ${names} } from "./dist/${entry}.js";` : undefined),
    },
  });
  const { output } = await bundle.generate({ format: "es" });
  const chunks = new Map(output.flatMap((file) => (file.type === "chunk" ? [[file.fileName, file]] : [])));
  const reached = new Set([output[0].fileName]);
  for (const name of reached) {
    for (const other of chunks.get(name)!.imports) if (chunks.has(other)) reached.add(other);
  }
  return [...reached].map((name) => chunks.get(name)!.code).join("\n");
}

/** The papers of the families in a bundle: each family's rows name its own. */
const papersIn = (text: string): ReadonlySet<string> =>
  new Set([...papers].filter((paper) => text.includes(paper)));
const papers: ReadonlySet<string> = new Set(Object.values(zoo).map(({ paper }) => paper));

/** What else a bundle holds, told by what is said in its code. */
const holds = (text: string) => ({
  load: text.includes("load takes a name of the zoo or a net"),
  convolutionize: text.includes("pass the native input's shape"),
});

describe.each(["node", "browser", "edge"])("of the entry for %s", (entry) => {
  test.each([
    ["Rollup", byRollup],
    ["esbuild", byEsbuild],
  ])("%s, one builder: its family and the layers", async (_, bundle) => {
    const text = await bundle("resnet18", entry);
    const family = [zoo.resnet18, zoo.resnext50_32x4d, zoo.wide_resnet50_2];
    expect(papersIn(text)).toEqual(new Set(family.map(({ paper }) => paper)));
    expect(holds(text)).toEqual({ load: false, convolutionize: false });
    expect(text).not.toContain("import.meta");
  });

  test.each([
    ["Rollup", byRollup],
    ["esbuild", byEsbuild],
  ])("%s, convolutionize: no network", async (_, bundle) => {
    const text = await bundle("convolutionize", entry);
    expect(papersIn(text)).toEqual(new Set());
    expect(holds(text)).toEqual({ load: false, convolutionize: true });
  });

  // Dense prediction uses convolutionize, so it is in a chunk that is loaded with the first of those, or in esbuild's one file.
  test("load: every network, as it takes their names, and no convolutionize", async () => {
    const text = await byRollup("load", entry);
    expect(papersIn(text)).toEqual(papers);
    expect(holds(text)).toEqual({ load: true, convolutionize: false });
    expect(holds(await byRollup("load, convolutionize", entry)).convolutionize).toBe(true);
  });
});
