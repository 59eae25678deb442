/** Configuration files: what is understood, and what is said of what is not. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "../../src/cli/args.js";
import { needPeers, PEERS } from "../../src/cli/peers.js";
import { isConvzooError } from "../../src/errors.js";
import { nameOf } from "../../src/serve/config.js";
import { run } from "../cli.js";
import { configOf } from "../serve.js";

function problems(yaml: string): readonly string[] {
  try {
    configOf(yaml);
  } catch (error) {
    if (isConvzooError(error)) return error.message.split("\n");
    throw error;
  }
  throw new Error("nothing was wrong");
}

describe("a configuration", () => {
  test("of one model has defaults for all else", () => {
    const config = configOf("models:\n  - model: resnet18\n");
    expect(config).toMatchObject({ host: "127.0.0.1", port: 8000, watch: false, urls: [] });
    expect(config.limits).toMatchObject({ body: 2 ** 24, pixels: 50_000_000, seconds: 30, concurrency: 512 });
    expect(config.models[0]).toMatchObject({
      model: "resnet18",
      version: "1",
      maxBatch: 8,
      maxDelayMs: 0,
      queue: 128,
    });
    expect(nameOf(config.models[0]!)).toBe("resnet18");
  });

  test("says everything that there is to say", () => {
    const config = configOf(`
host: 0.0.0.0
port: 9000
urls: ["https://images.example.org/cats/"]
limits: { body: 4 MiB, seconds: 2.5 }
models:
  - { name: cats, model: resnet18, options: { classes: 2 }, weights: cats.pth, threads: 2, maxBatch: 1, version: 3 }
  - { name: other, onnx: other.onnx, labels: other.txt, preprocess: { resize: null, mean: [0.5] } }
`);
    expect(config).toMatchObject({
      host: "0.0.0.0",
      port: 9000,
      limits: { body: 4 * 2 ** 20, seconds: 2.5 },
    });
    expect(config.models).toMatchObject([
      { name: "cats", options: { classes: 2 }, weights: "cats.pth", threads: 2, maxBatch: 1, version: "3" },
      { name: "other", onnx: "other.onnx", preprocess: { resize: null, mean: [0.5] } },
    ]);
  });

  test("of the example is understood, and what it shows commented out is what holds without it", () => {
    const path = new URL("../../../examples/serve/serve.yaml", import.meta.url);
    const text = readFileSync(path, "utf8");
    const config = configOf(text);
    expect(config.models.map(nameOf)).toEqual(["squeezenet1_1", "digits"]);
    const shown = configOf(
      text.replace(/^# (?=(host|watch|urls|limits): |limits:| {2}\w+: )/gm, "").replace(/^( {4})# /gm, "$1"),
    );
    expect(shown).toEqual(config);
  });

  test("is JSON as well", () => {
    expect(configOf('{ "port": 1, "models": [{ "model": "lenet5" }] }').port).toBe(1);
  });

  test("takes an alias for what it stands for", () => {
    const { models } = configOf(
      "models:\n  - &a { model: lenet5, threads: 3 }\n  - { name: b, model: lenet5, preprocess: *a }\n",
    );
    expect(models[1]!.preprocess).toEqual({ model: "lenet5", threads: 3 });
  });

  test("is told all that is wrong with it, and where", () => {
    const said = problems(`port: 80000
hots: 0.0.0.0
limits:
  body: 3 apples
  seconds: -1
models:
  - model: lenet5
    threads: two
    precision: half
  - name: a/b
    model: lenet5
`);
    expect(said).toEqual([
      "serve.yaml:1: port is a whole number from 0 to 65535, not 80000.",
      expect.stringMatching(/^serve\.yaml:2: hots is unknown here; known are host, port, /),
      'serve.yaml:4: limits.body is a number of bytes, such as 16 MiB, not "3 apples".',
      "serve.yaml:5: limits.seconds is a number from 0.05 to 3600, not -1.",
      'serve.yaml:8: models[0].threads is a whole number from 1 to 64, not "two".',
      'serve.yaml:9: models[0].precision is float32 or float16 or int8, not "half".',
      'serve.yaml:10: models[1] has a name of letters, digits, dots, - and _, not "a/b".',
    ]);
  });

  test.each([
    ["models: []", "serve.yaml:1: models has at least one model."],
    ["port: 1", "serve.yaml:1: models is missing: it is a list."],
    ["", "serve.yaml:1: models is missing: it is a list."],
    ["- 1", "serve.yaml:1: the file is names with values, not a list."],
    ["models:\n  - {}", "serve.yaml:2: models[0] names either a model or an onnx file."],
    ["models: [{ model: a, onnx: b }]", "serve.yaml:1: models[0] names either a model or an onnx file."],
    ["models: [{ onnx: b }]", "serve.yaml:1: models[0] needs a name beside its onnx file."],
    [
      "models:\n- model: a\n- model: a\n",
      "serve.yaml:1: models has two models called a; give one another name.",
    ],
    ["models:\n  - model: a\n    model: b\n", "serve.yaml:3: Map keys must be unique."],
    [
      "urls: [https://example.org]\nmodels: [{ model: a }]",
      expect.stringMatching(/^serve\.yaml:1: urls\[0\] is how URLs/),
    ],
    [
      "urls: ['file:///etc/']\nmodels: [{ model: a }]",
      expect.stringMatching(/^serve\.yaml:1: urls\[0\] is how URLs/),
    ],
  ])("%j is refused", (yaml, message) => {
    expect(problems(yaml)).toEqual([message]);
  });

  test("that is no YAML is refused with the line", () => {
    expect(problems("port: 1\nmodels: [\n")[0]).toMatch(/^serve\.yaml:3: Flow sequence/);
    expect(problems("a: &a [*a]\nmodels: [{ model: b, preprocess: *a }]").join()).toMatch(/levels/);
  });

  test("of aliases of aliases does not take forever", () => {
    const lines = Array.from(
      { length: 9 },
      (_, i) => `x${i}: &x${i} [${Array(9).fill(i ? `*x${i - 1}` : "1")}]`,
    );
    const start = performance.now();
    expect(problems(lines.join("\n")).join()).toMatch(/10000 values/);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test("cannot reach a prototype", () => {
    expect(problems("__proto__: { port: 1 }\nmodels: [{ model: a }]")[0]).toMatch(
      /^serve\.yaml:1: __proto__ is unknown/,
    );
    const { models } = configOf('models: [{ model: a, preprocess: { "__proto__": { resize: 1 } } }]');
    expect((models[0]!.preprocess as { resize?: number }).resize).toBeUndefined();
    expect(({} as { resize?: number }).resize).toBeUndefined();
  });
});

describe("the command", () => {
  test("is understood", () => {
    expect(parse(["serve", "--model", "lenet5", "-m", "resnet18", "--port", "0", "--host", "::1"])).toEqual({
      command: "serve",
      config: undefined,
      models: ["lenet5", "resnet18"],
      threads: undefined,
      host: "::1",
      port: 0,
      check: false,
    });
  });

  test.each([
    [["serve", "lenet5"], /takes no name/],
    [["serve", "-c", "x.yaml", "-m", "lenet5"], /stand in the file/],
    [["serve", "--port", "http"], /--port is a whole number from 0 to 65535/],
    [["serve", "--port", "70000"], /--port is a whole number from 0 to 65535/],
  ])("%j is refused", (argv, message) => {
    expect(() => parse(argv)).toThrow(message);
  });

  test("--check says that a configuration is fine, or what is not", async () => {
    expect(await run("serve --check")).toMatchObject({
      code: 0,
      stdout: "The command line is fine: 1 models.\n",
    });
    const missing = await run("serve --check --config no/such.yaml");
    expect(missing).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no\/such\.yaml cannot be read: ENOENT/),
    });
  });

  test("names the packages that it misses", () => {
    const names = PEERS.serve.join(" ");
    expect(() => needPeers("serve", "file:///nowhere/at/all.js")).toThrow(
      `\`npm install ${names}\` installs them.`,
    );
    expect(() => needPeers("serve")).not.toThrow();
  });
});
