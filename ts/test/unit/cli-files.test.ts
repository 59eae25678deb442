/** What the arguments of a command name, in a folder made for it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ahead } from "../../src/cli/ahead.js";
import { findFiles } from "../../src/cli/files.js";

let folder: string;
const FILES = ["10.jpg", "2.JPG", "notes.txt", "a[1].png", "deep/er/x.webp", "deep/y.bmp", "empty/readme"];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "convzoo-"));
  for (const name of FILES) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), "");
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The files found, without the folder, or the code and the message's end. */
const find = async (...names: string[]) => {
  const found = await findFiles(names.map((name) => (name === "-" ? name : join(folder, name))));
  return found.map(({ file, error }) =>
    error ? [error.code, error.message] : file.replace(`${folder}/`, ""),
  );
};

test("a folder stands for its images, numbers in order", async () => {
  expect(await find(".")).toEqual(["2.JPG", "10.jpg", "a[1].png", "deep/er/x.webp", "deep/y.bmp"]);
});

test.each([
  ["*.jpg", ["10.jpg"]],
  ["*.{jpg,JPG}", ["2.JPG", "10.jpg"]],
  ["**/*.{webp,bmp}", ["deep/er/x.webp", "deep/y.bmp"]],
  ["deep/*", ["deep/y.bmp"]],
  ["*/er/?.webp", ["deep/er/x.webp"]],
  ["[0-9]*", ["2.JPG", "10.jpg"]],
  ["n*", ["notes.txt"]],
])("the pattern %s", async (pattern, files) => {
  expect(await find(pattern)).toEqual(files);
});

test("a name that is there is no pattern; one that is not is left to whoever reads it", async () => {
  expect(await find("a[1].png", "none.jpg", "-")).toEqual(["a[1].png", "none.jpg", "-"]);
  expect(await findFiles(["https://example.org/a?b=[1].jpg"])).toEqual([
    { file: "https://example.org/a?b=[1].jpg" },
  ]);
});

test("a pattern without a match and a folder without an image are not found", async () => {
  expect(await find("*.gif", "empty", "none/*.jpg")).toEqual([
    ["not-found", `${join(folder, "*.gif")}: no file matches the pattern.`],
    ["not-found", expect.stringContaining("the folder holds no image (.jpg, ")],
    ["not-found", expect.stringContaining("no file matches")],
  ]);
});

test("work runs ahead, one by one, and in order", async () => {
  const begun: number[] = [];
  const work = async (item: number) => {
    begun.push(item);
    await new Promise((resolve) => setTimeout(resolve, item % 3));
    return item * 2;
  };
  const results = ahead([1, 2, 3, 4, 5, 6, 7], 3, work);
  expect((await results.next()).value).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(begun).toEqual([1, 2, 3]);
  const rest: number[] = [];
  for await (const result of results) rest.push(result);
  expect(rest).toEqual([4, 6, 8, 10, 12, 14]);
  expect(begun).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test("what work throws is thrown at its place", async () => {
  const work = async (item: number) => {
    if (item === 2) throw new Error("two");
    return item;
  };
  const got: number[] = [];
  const all = async () => {
    for await (const result of ahead([1, 2, 3], 3, work)) got.push(result);
  };
  await expect(all()).rejects.toThrow("two");
  expect(got).toEqual([1]);
});
