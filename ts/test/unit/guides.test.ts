/** `npm run guides`: a page for each family, from the comments in the families' files and the table. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { zoo } from "../../src/zoo/index.js";
import type { Rows } from "../../src/zoo/row.js";

const folder = mkdtempSync(join(tmpdir(), "guides-"));
const rows = Object.entries(zoo as Rows);
const families = [...new Set(rows.map(([, { family }]) => family))];

beforeAll(() => {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  execFileSync(process.execPath, ["scripts/make_guides.mjs", folder], { cwd: root });
});
afterAll(() => rmSync(folder, { recursive: true }));

const read = (name: string): string => readFileSync(join(folder, `${name}.md`), "utf8");

test("there is a page for each family, and no other", () => {
  expect(readdirSync(folder).sort()).toEqual([...families, "README"].map((name) => `${name}.md`).sort());
  for (const family of families) expect(read("README")).toContain(`[${family}](${family}.md)`);
});

test.each(families)("%s has its idea in three sentences, a drawing, and all its networks", (family) => {
  const [title, idea = "", drawing = ""] = read(family).split("\n\n");
  expect(title).toBe(`# ${family}`);
  expect(idea.match(/[.:?](?= [A-Z]|$)/g)?.length).toBe(3);
  for (const line of drawing.split("\n")) expect(line).toMatch(/^ {4}\S* *\S/);
  const listed = [...read(family).matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  expect(listed).toEqual(rows.filter(([, entry]) => entry.family === family).map(([name]) => name));
});
