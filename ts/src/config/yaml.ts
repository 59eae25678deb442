/** Configuration files in YAML (or JSON, which is YAML too), read into what `found.ts` checks. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { ConvzooError } from "../errors.js";
import type { Found, Problems, Reader } from "./found.js";

/** More than any configuration; without limits, aliases of aliases would never end. */
const MOST = { depth: 16, values: 10_000 };

/**
 * The text of a file as `reader` takes it. Throws `bad-option` with all that is wrong, each with its line.
 */
export function readYaml<T>(content: string, file: string, reader: Reader<T>): T {
  const lines = new LineCounter();
  const parsed = parseDocument(content, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const problems: Problems = parsed.errors.map(({ pos, message }) => ({
    line: lines.linePos(pos[0]).line,
    message: `${message.split("\n")[0]}.`,
  }));
  const lineOf = (node: Node | null): number | undefined =>
    node?.range ? lines.linePos(node.range[0]).line : undefined;

  let values = 0;
  const find = (given: unknown, path: string, line: number, depth: number): Found => {
    const node = isAlias(given) ? (given.resolve(parsed) ?? null) : (given as Node | null);
    if (depth > MOST.depth || ++values > MOST.values) {
      const message = `${path} is too much: a file has at most ${MOST.depth} levels and ${MOST.values} values.`;
      if (values <= MOST.values + 1) problems.push({ line, message });
      return { path, line };
    }
    if (isSeq(node)) {
      const items = node.items.map((item, i) => {
        return find(item, `${path}[${i}]`, lineOf(item as Node) ?? line, depth + 1);
      });
      return { path, line, items };
    }
    if (isMap(node)) {
      const entries = node.items.map(({ key, value }) => {
        const name = String(isScalar(key) ? key.value : key);
        const at = lineOf(key as Node) ?? line;
        return [name, find(value, path ? `${path}.${name}` : name, at, depth + 1)] as const;
      });
      return { path, line, entries: new Map(entries) };
    }
    return { path, line, value: isScalar(node) ? node.value : undefined };
  };

  // A file that is no YAML has nothing in it worth checking.
  const read = problems.length === 0 ? reader(find(parsed.contents, "", 1, 0), problems) : undefined;
  if (problems.length === 0) return read as T;
  const said = [...problems]
    .sort((a, b) => a.line - b.line)
    .map((one) => `${file}:${one.line}: ${one.message}`);
  throw new ConvzooError("bad-option", said.join("\n"), { source: file });
}
