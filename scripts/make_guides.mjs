/**
 * `npm run guides [FOLDER]`: a page for each family of networks, in build/guides unless told otherwise, made from the
 * zoo's table and from what the families' files say of themselves.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { setupNpm, stop } from "./setup.mjs";
import { root } from "./toolchain.mjs";

try {
  setupNpm();
} catch (error) {
  stop(error);
}
// The table is TypeScript.
const { register } = await import("tsx/esm/api");
register();
const { zoo } = await import("../ts/src/zoo/index.ts");

/** What stands in comments that begin with `@family NAME`: three sentences, then the block as a drawing. */
function familyNotes() {
  const folder = join(root, "ts/src/zoo");
  const files = readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
  const comments = files.flatMap((text) => [
    ...text.matchAll(/^\/\*\*\n \* @family (\w+)\n([\s\S]*?)^ \*\/$/gm),
  ]);
  return comments.map(([, family, body]) => {
    const [idea, drawing] = body.replace(/^ \* ?/gm, "").split("\n\n");
    return { family, idea: idea.replaceAll("\n", " ").trim(), drawing: drawing?.trimEnd() };
  });
}

/** The pages, by the name of their file. */
function guides() {
  const notes = familyNotes();
  const pages = notes.map((note) => [`${note.family}.md`, page(note)]);
  const list = notes.map(({ family, idea }) => `- [${family}](${family}.md): ${idea.split(". ")[0]}.`);
  return new Map([["README.md", `# The families of networks\n\n${list.join("\n")}\n`], ...pages]);
}

function page({ family, idea, drawing }) {
  const rows = Object.entries(zoo).filter(([, entry]) => entry.family === family);
  const papers = [...new Set(rows.map(([, { paper, year }]) => `${paper} (${year})`))];
  const [[first]] = rows;
  const sizes = rows.map(([name, { params, macs, input, minSize, published }]) => {
    const { top1, source, conditions } = published;
    const from = conditions === undefined ? source : `${source}, ${conditions}`;
    const cells = [`${million(params)} M`, `${million(macs)} M`, input.join(" x "), minSize];
    return `| \`${name}\` | ${cells.join(" | ")} | ${top1 === undefined ? "-" : `${top1} (${from})`} |`;
  });
  return `# ${family}

${idea}

${drawing}

From ${papers.join("; ")}.

| network | parameters | multiply-adds | input | smallest side | top-1, % |
|---|---|---|---|---|---|
${sizes.join("\n")}

\`\`\`js
import { ${first} } from "convzoo";

const net = ${first}();
String(net); // its layers, as PyTorch prints them
\`\`\`
`;
}

const million = (count) => (count / 1e6).toFixed(2);

const out = process.argv[2] ?? join(root, "build/guides");
mkdirSync(out, { recursive: true });
const pages = guides();
for (const [name, text] of pages) writeFileSync(join(out, name), text);
console.log(`${pages.size} pages in ${relative(process.cwd(), out) || "."}`);
