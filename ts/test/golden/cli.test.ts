/** The command line as it is built, in a process of its own. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeEach, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const cli = join(root, "dist/cli.js");

/** Runs a script of the repository from its root. */
async function node(script: string, ...args: string[]) {
  const run = promisify(execFile)(process.execPath, [script, ...args], { cwd: root });
  const failed = (error: { code: number; stdout: string; stderr: string }) => error;
  const { stdout, stderr, code } = await run.then((said) => ({ ...said, code: 0 }), failed);
  return { stdout, stderr, code };
}

beforeEach(({ skip }) =>
  skip(!existsSync(join(root, "dist/.stamp")), "dist is not built: run npm run build"),
);

describe("convzoo", () => {
  test("classifies photographs, and says which file it could not", async () => {
    const files = ["bird.png", "none.png", "cat.webp", "NOTICE.md", "hot_dog.jpg"].map(
      (name) => `examples/images/${name}`,
    );
    const { stdout, stderr, code } = await node(
      cli,
      "classify",
      ...files,
      "--json",
      "--topk",
      "2",
      "--threads",
      "1",
    );
    const rows = JSON.parse(stdout) as {
      file: string;
      top?: { label: string }[];
      error?: { code: string };
    }[];
    expect(rows.map(({ file }) => file)).toEqual(files);
    expect(rows.map(({ top, error }) => top?.[0]?.label ?? error?.code)).toEqual([
      ...["chickadee", "not-found", "Egyptian cat", "bad-image", "hotdog"],
    ]);
    expect(rows[0]).toMatchObject({
      model: "squeezenet1_1",
      device: "wasm",
      threads: 1,
      ms: expect.any(Number),
    });
    expect(rows[0]?.top).toHaveLength(2);
    expect({ stderr, code }).toEqual({ stderr: "", code: 1 });
  });

  test("reads a digit with LeNet-5", async () => {
    const { stdout, stderr, code } = await node(
      cli,
      "classify",
      "examples/digits/7-0.png",
      "-m",
      "lenet5",
      "-k",
      "1",
    );
    expect(stdout).toMatch(
      /^examples\/digits\/7-0\.png\n {2}█{20} {2}100\.0% +\d+\.\d\d {2}7 \(7\)\n {2}\d+ ms: lenet5 on wasm/,
    );
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  });

  test("a folder, a pattern, standard input: the same scores in any batch", async () => {
    const image = "examples/images/owl.jpg";
    const scores = async (...args: string[]) => {
      const { stdout, code } = await node(
        cli,
        "classify",
        ...args,
        "--jsonl",
        "--topk",
        "1000",
        "--threads",
        "2",
      );
      expect(code).toBe(0);
      const rows = stdout
        .trim()
        .split("\n")
        .map((row) => JSON.parse(row) as { file: string; top: unknown });
      return new Map(rows.map(({ file, top }) => [file, top]));
    };
    const together = await scores("examples/images");
    expect([...together.keys()]).toEqual(
      ["bird.png", "cat.webp", "hot_dog.jpg", "owl.jpg"].map((name) => join("examples/images", name)),
    );
    expect(await scores("examples/images/*.{png,webp,jpg}", "--batch", "1")).toEqual(together);
    expect((await scores(image)).get(image)).toEqual(together.get(image));
    const piped = spawn(process.execPath, [cli, "classify", "-", "--csv", "-k", "1"], { cwd: root });
    let said = "";
    piped.stdout.on("data", (text) => (said += text));
    piped.stdin.end(readFileSync(join(root, image)));
    expect(await once(piped, "close")).toEqual([0, null]);
    expect(said).toMatch(
      /^file,model,.*\n-,squeezenet1_1,wasm,\d+,[\d.]+,1,82,ruffed grouse,[\d.]+,0\.\d+\n$/,
    );
  });

  test("Ctrl-C ends with what is done", async ({ skip }) => {
    skip(process.platform === "win32", "Windows sends no SIGINT");
    const files = Array(200).fill("examples/images/hot_dog.jpg");
    const child = spawn(process.execPath, [cli, "classify", ...files, "--jsonl", "--batch", "1"], {
      cwd: root,
    });
    let [rows, said] = [0, ""];
    child.stdout.on("data", (text) => {
      rows += String(text).split("\n").length - 1;
      child.kill("SIGINT");
    });
    child.stderr.on("data", (text) => (said += text));
    expect(await once(child, "close")).toEqual([130, null]);
    expect(said).toMatch(/^convzoo: interrupted after \d+ of 200 files\n$/);
    expect(rows).toBeLessThan(200);
  });

  test("describes a network as PyTorch prints it", async () => {
    const { stdout } = await node(cli, "describe", "squeezenet1_1");
    const golden = readFileSync(join(root, "ts/test/goldens/prints/squeezenet1_1.txt"), "utf8").trimEnd();
    expect(stdout.startsWith(`${golden}\n\nsqueezenet1_1 at 3 x 224 x 224:\n\n`)).toBe(true);
  });

  test("says the version of package.json", async () => {
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    expect(await node(cli, "--version")).toEqual({ stdout: `${version}\n`, stderr: "", code: 0 });
  });

  test.each([
    ["describe", "alexnet"],
    ["classify", "examples/digits/7-0.png", "-m", "lenet5"],
  ])("%s ends quietly where nobody reads on", async (...args) => {
    const child = spawn(process.execPath, [cli, ...args], { cwd: root });
    child.stdout.destroy();
    let said = "";
    child.stderr.on("data", (text) => (said += text));
    const [code] = await once(child, "close");
    expect({ code, said }).toEqual({ code: 0, said: "" });
  });
});

describe("examples", () => {
  test.each([
    ["classify", /^ 98\.\d% +34\.\d\d {2}chickadee\n/],
    ["batch", /class 19, score 34\.\d\d: \S+bird\.png\nclass 285, .*\nclass 934, .*\nclass 82, .*\n$/],
    ["activations", /^features\.0 +\[1, 64, 111, 111\] .*\n.*\n.*\nclassifier +\[1, 1000, 1, 1\] /],
  ])("%s", async (name, shown) => {
    const { stdout, stderr, code } = await node(`examples/node/${name}.mjs`);
    expect(stdout).toMatch(shown);
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  });

  test("lecture prints its twelve lines", async () => {
    const script = ["--import", "tsx", "examples/node/lecture.ts"] as const;
    const { stdout, stderr, code } = await node(...script, "--model", "squeezenet1_1");
    expect(stdout).toMatch(/^#1 18\.8\d chickadee\n#2 17\.2\d bulbul\n(?:#\d+ \d+\.\d\d .+\n){10}$/);
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  });
});
