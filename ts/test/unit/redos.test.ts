/** Every regular expression of the sources takes time in proportion to what it reads: recheck says so of each. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { checkSync } from "recheck";
import ts from "typescript";
import { expect, test } from "vitest";

const folder = fileURLToPath(new URL("../../src/", import.meta.url));

interface Found {
  readonly place: string;
  readonly source: string;
  readonly flags: string;
}

/** The expressions of a file, as TypeScript's parser sees them; those made from strings are none that could be looked at. */
function expressions(name: string): Found[] {
  const file = ts.createSourceFile(name, readFileSync(folder + name, "utf8"), ts.ScriptTarget.Latest, true);
  const found: Found[] = [];
  const look = (node: ts.Node): void => {
    const place = `${name}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf("/");
      found.push({ place, source: node.text.slice(1, end), flags: node.text.slice(end + 1) });
    }
    if ((ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === "RegExp")
      throw new Error(`${place} makes an expression from a string; write it as a literal`);
    ts.forEachChild(node, look);
  };
  look(file);
  return found;
}

test("no expression is slow on any text", { timeout: 300_000 }, () => {
  const names = (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith(".ts"));
  const all = names.flatMap(expressions);
  expect(all.length).toBeGreaterThan(50);
  const slow = all.flatMap(({ place, source, flags }) => {
    const found = checkSync(source, flags, { timeout: 60_000 });
    if (found.status === "safe") return [];
    const why = found.status === "vulnerable" ? found.complexity.summary : found.error.kind;
    return [`${place}: /${source}/${flags} is ${why}`];
  });
  expect(slow).toEqual([]);
  // And the tool would tell.
  expect(checkSync("/+$", "").status).toBe("vulnerable");
});
