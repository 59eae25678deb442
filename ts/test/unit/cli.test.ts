/** The command line with a process and a model that are not there. */
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { formatSummary, summarize } from "../../src/summarize.js";
import { zoo } from "../../src/zoo/index.js";
import { GPU_STEPS, run, TOP } from "../cli.js";

describe("convzoo", () => {
  test("--version prints the version alone", async () => {
    expect(await run("--version")).toMatchObject({ code: 0, stdout: "1.2.3\n", stderr: "", loads: [] });
  });

  test.each(["help", "--help", "-h"])("%s shows the commands", async (line) => {
    const { code, stdout } = await run(line);
    expect(code).toBe(0);
    for (const word of ["classify FILE...", "describe MODEL", "models", "bench", "Exit codes"])
      expect(stdout).toContain(word);
  });

  test.each(["classify", "describe", "models", "bench"])(
    "%s has a help of its own, which loads nothing",
    async (one) => {
      const [asked, ...others] = await Promise.all(
        [`help ${one}`, `${one} --help`, `${one} -h`].map((l) => run(l)),
      );
      expect(asked).toMatchObject({ code: 0, stderr: "", loads: [] });
      expect(asked?.stdout).toMatch(new RegExp(`^Usage: convzoo ${one}`));
      for (const other of others) expect(other).toEqual(asked);
    },
  );

  test.each([
    ["", /Say what to do/],
    ["dog.jpg", /There is no command "dog.jpg".*classify/],
    ["help densely", /no help on "densely"/],
    ["classify", /wants a FILE/],
    ["classify a --tpok 3", /Unknown option '--tpok'\. `convzoo help classify` lists/],
    ["classify a --topk", /'-k, --topk <value>' argument missing\. `convzoo/],
    ["classify a --topk 0", /--topk is a whole number of at least 1, not "0"/],
    ["classify a --topk 1.5", /--topk .*"1.5"/],
    ["classify a --topk 1e3", /--topk .*"1e3"/],
    ["classify a --threads=-1", /--threads .*"-1"/],
    ["classify a --device tpu", /--device is auto or wasm or webgpu, not "tpu"/],
    ["classify a --crops all", /--crops is center, five, ten, dense, random or random:N .*"all"/],
    ["classify a --crops random:0", /--crops .*"random:0"/],
    ["classify a --crops random:2000", /--crops .*"random:2000"/],
    ["classify a --seed 3", /--seed .* goes with --crops random/],
    ["classify a --crops random --seed x", /--seed .*"x"/],
    ["classify a --average all", /--average is probabilities or scores/],
    ["classify a --batch 0", /--batch is a whole number/],
    ["classify a --json --csv", /Only one of --json and --csv/],
    ["classify a --json=yes", /--json/],
    ["describe", /wants one MODEL/],
    ["describe alexnet lenet5", /wants one MODEL/],
    ["describe alexnet --input 224", /--input .*3x224x224, not "224"/],
    ["describe alexnet --input 3x0x9", /--input .*"3x0x9"/],
    ["models alexnet", /takes no name/],
    ["bench alexnet", /takes no name.*--models/],
    ["bench --runs 0", /--runs is a whole number/],
    ["bench --peers --device webgpu", /--peers compares engines on the CPU/],
  ])("%j is refused with advice and code 2", async (line, message) => {
    const { code, stdout, stderr, loads } = await run(line);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^convzoo: [^\n]+ \[bad-option\]\n$/);
    expect({ code, stdout, loads }).toEqual({ code: 2, stdout: "", loads: [] });
  });
});

describe("classify", () => {
  test("loads SqueezeNet 1.1 with the package's defaults, once, and lets it go", async () => {
    const { code, loads, prepared, ranked, disposed } = await run("classify a b");
    const signal = expect.any(AbortSignal);
    expect(loads).toEqual([{ name: "squeezenet1_1", options: { device: "auto", signal } }]);
    const options = { resize: 256, crop: 224, crops: "center", signal };
    expect(prepared).toEqual([
      { image: "a", options },
      { image: "b", options },
    ]);
    expect(ranked).toEqual([{ rows: 2, options: { topk: 5, average: "probabilities", crops: 1 } }]);
    expect({ code, disposed }).toEqual({ code: 0, disposed: 1 });
    // A single one is prepared by the model, which knows how.
    expect((await run("classify a")).prepared).toEqual([
      { image: "a", options: { crops: "center", signal } },
    ]);
  });

  test("hands every option on, between files or after --", async () => {
    const line =
      "classify a -m alexnet --weights w.safetensors -k 2 --device wasm --threads 4 --crops ten --average scores -- --b";
    const { loads, prepared, ranked } = await run(line);
    const options = { weights: "w.safetensors", device: "wasm", threads: 4, signal: expect.any(AbortSignal) };
    expect(loads).toEqual([{ name: "alexnet", options }]);
    expect(prepared.map(({ image }) => image)).toEqual(["a", "--b"]);
    expect(prepared[0]?.options.crops).toBe("ten");
    // Ten crops are more than run together, so each file is by itself.
    const ranking = { rows: 10, options: { topk: 2, average: "scores", crops: 10 } };
    expect(ranked).toEqual([ranking, ranking]);
  });

  test.each([
    ["random", { random: 5, reflect: true, seed: 0 }],
    ["random:3 --seed 9", { random: 3, reflect: true, seed: 9 }],
    ["five", "five"],
  ])("--crops %s", async (crops, wanted) => {
    const { prepared } = await run(`classify a --crops ${crops}`);
    expect(prepared[0]?.options.crops).toEqual(wanted);
  });

  test("--crops dense leaves all to the model", async () => {
    const { classified, prepared, stdout } = await run("classify a b --crops dense --jsonl");
    const options = { topk: 5, crops: "dense", signal: expect.any(AbortSignal) };
    expect(classified).toEqual(["a", "b"].map((file) => ({ file, options })));
    expect(
      stdout
        .trim()
        .split("\n")
        .map((row) => JSON.parse(row).top.length),
    ).toEqual([2, 2]);
    expect(prepared).toEqual([]);
  });

  test("images of one size run together, up to --batch, in order", async () => {
    const files = async (line: string) => {
      const { inputs, stdout } = await run(`classify ${line} --jsonl`);
      const named = stdout
        .trim()
        .split("\n")
        .map((row) => JSON.parse(row).file);
      return [inputs.map(({ shape }) => shape[0]), named.join(" ")];
    };
    expect(await files("a b c d e f g h i j")).toEqual([[8, 2], "a b c d e f g h i j"]);
    expect(await files("a b c d e --batch 2")).toEqual([[2, 2, 1], "a b c d e"]);
    expect(await files("a b wide wide c bad d")).toEqual([[2, 2, 1, 1], "a b wide wide c bad d"]);
  });

  test("- is standard input", async () => {
    const { prepared, stdout } = await run("classify - --jsonl", { stdin: "an image" });
    const image = prepared[0]!.image as File;
    expect([image.name, await image.text()]).toEqual(["standard input", "an image"]);
    expect(JSON.parse(stdout).file).toBe("-");
  });

  test("shows file, bars, probabilities, scores, labels and how", async () => {
    const { stdout, stderr } = await run("classify a");
    expect(stdout.replace(/\d+ ms/, "9 ms")).toBe(
      [
        "a",
        "  ███████████████       75.0%  12.50  cock (7)",
        "  ▏                      0.4%   3.25  goldfish (1)",
        "  9 ms: squeezenet1_1 on wasm (simd128-threads), 3 threads",
        "",
      ].join("\n"),
    );
    expect(stderr).toBe("");
  });

  test("colours a terminal's output, unless NO_COLOR", async () => {
    const plain = (await run("classify a")).stdout.replace(/\d+ ms/, "");
    const coloured = (await run("classify a", { tty: true })).stdout.replace(/\d+ ms/, "");
    expect(plain).not.toContain("\x1b");
    expect(coloured).toContain("\x1b[");
    expect(coloured.replace(/\x1b\[\d+m/g, "")).toBe(plain);
    const { stdout } = await run("classify a", { tty: true, env: { NO_COLOR: "1" } });
    expect(stdout).not.toContain("\x1b");
  });

  test("--json prints one array and nothing else", async () => {
    const { code, stdout, stderr } = await run("classify a bad b --json --model alexnet");
    const answer = (file: string) => ({
      ...{ file, model: "alexnet", device: "wasm", threads: 3, ms: expect.any(Number), top: TOP },
    });
    const error = { code: "bad-image", message: "bad: The image is text." };
    const parsed = JSON.parse(stdout);
    expect(parsed).toEqual([answer("a"), { file: "bad", error }, answer("b")]);
    expect(Object.keys(parsed[0])).toEqual(["file", "model", "device", "threads", "ms", "top"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
  });

  test("a file that fails is named on stderr, and the others are still classified", async () => {
    const { code, stdout, stderr, disposed } = await run("classify a bad b");
    expect(stderr).toBe("convzoo: bad: The image is text. [bad-image]\n");
    expect(stdout.match(/^\w+$/gm)).toEqual(["a", "b"]);
    expect({ code, disposed }).toEqual({ code: 1, disposed: 1 });
  });

  test("a model that does not load is one line and code 2, also with --json", async () => {
    const failing = new ConvzooError("unknown-weights", "No such checkpoint.");
    for (const line of ["classify a b", "classify a b --json"]) {
      const { code, stdout, stderr } = await run(line, { failing });
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toBe("convzoo: No such checkpoint. [unknown-weights]\n");
    }
  });

  test("what fails in the run is said of each file that ran", async () => {
    const running = new ConvzooError("too-large", "Too large.");
    const { code, stdout, disposed } = await run("classify a b --jsonl", { running });
    expect(
      stdout
        .trim()
        .split("\n")
        .map((row) => JSON.parse(row)),
    ).toEqual(["a", "b"].map((file) => ({ file, error: { code: "too-large", message: "Too large." } })));
    expect({ code, disposed }).toEqual({ code: 1, disposed: 1 });
  });

  test("--jsonl prints an object a line, --csv a row a class with its fields quoted", async () => {
    const jsonl = await run("classify a bad b --jsonl");
    const rows = jsonl.stdout
      .trim()
      .split("\n")
      .map((row) => JSON.parse(row));
    expect(rows.map(({ file, top, error }) => [file, top?.length ?? error.code])).toEqual([
      ...[["a", 2] as const, ["bad", "bad-image"] as const, ["b", 2] as const],
    ]);
    const { stdout, stderr, code } = await run('classify a,"b bad c --csv');
    const lines = stdout.split("\n");
    expect(lines[0]).toBe("file,model,device,threads,ms,rank,index,label,score,probability");
    expect(lines[1]).toMatch(/^"a,""b",squeezenet1_1,wasm,3,[\d.]+,1,7,cock,12.5,0.75$/);
    expect(lines[2]).toMatch(/,2,1,goldfish,3.25,0.004$/);
    expect(lines.slice(3).map((line) => line.split(",")[0])).toEqual(["c", "c", ""]);
    expect({ stderr, code }).toEqual({ stderr: "convzoo: bad: The image is text. [bad-image]\n", code: 1 });
  });

  test("Ctrl-C ends after what is done, and says so", async () => {
    const line = "classify a b c d e f --batch 1";
    const { code, stdout, stderr, disposed } = await run(`${line} --json`, { interruptAt: "d" });
    const { length } = JSON.parse(stdout);
    expect(length).toBeLessThan(4);
    expect(stderr).toBe(`convzoo: interrupted after ${length} of 6 files\n`);
    expect({ code, disposed }).toEqual({ code: 130, disposed: 1 });
  });

  test("counts on a terminal, and leaves nothing of it behind", async () => {
    const { stdout, stderr } = await run("classify a b bad --batch 1", { tty: true, env: { NO_COLOR: "1" } });
    expect(stdout).not.toContain("\r");
    expect(stderr).toMatch(/1 of 3, \d/);
    expect(stderr.split("\r\x1b[K").at(-1)).toBe("");
    expect((await run("classify a", { tty: true })).stderr).toBe("");
    expect((await run("classify a b")).stderr).toBe("");
  });

  test("a bug is thrown on, after the model is let go", async () => {
    const bug = new TypeError("x is undefined");
    expect((await run("classify a", { failing: bug })).code).toBe(bug);
    expect(await run("classify a odd b", { odd: bug })).toMatchObject({ code: bug, disposed: 1 });
  });

  test("shows a download on a terminal, and wipes the line", async () => {
    const progress = [
      { phase: "download", loaded: 1_500_000, total: 3_000_000 },
      { phase: "download", loaded: 3_000_000, total: 3_000_000 },
      { phase: "pack", loaded: 1, total: 2 },
    ] as const;
    const from = async (weights: string, tty: boolean) =>
      (await run(`classify a --weights ${weights}`, { tty, progress: [...progress] })).stderr;
    const url = "https://example.org/w.safetensors";
    expect(await from(url, true)).toBe("\r\x1b[Kdownloading weights: 1.5 of 3.0 MB\r\x1b[K\r\x1b[K");
    expect(await from(url, false)).toBe("");
    expect(await from("w.safetensors", true)).toBe("");
  });
});

describe("describe", () => {
  test("prints what PyTorch prints, then the summary at the network's size", async () => {
    const { code, stdout } = await run("describe alexnet");
    const net = zoo.alexnet.build();
    const summary = formatSummary(summarize(net, [3, 224, 224]));
    expect(stdout).toBe(`${net}\n\nalexnet at 3 x 224 x 224:\n\n${summary}\n`);
    expect(code).toBe(0);
  });

  test("--input changes the sizes, --json the form", async () => {
    const { stdout } = await run("describe squeezenet1_1 --input 3x448x320 --json");
    const net = zoo.squeezenet1_1.build();
    expect(JSON.parse(stdout)).toEqual({
      name: "squeezenet1_1",
      family: "squeezenet",
      year: 2016,
      paper: zoo.squeezenet1_1.paper,
      input: [3, 448, 320],
      ...summarize(net, [3, 448, 320]),
      print: String(net),
    });
  });

  test("--device webgpu adds what a GPU would be given", async () => {
    const { stdout } = await run("describe lenet5 --device webgpu");
    expect(stdout.split("\n\n").slice(-2).join("\n\n")).toBe(
      [
        "dispatch  op              output           products      bytes",
        "--------------------------------------------------------------",
        "a         conv2d, direct  1 x 8 x 4 x 4       7,000      3,512",
        "b         flatten         1 x 128 x 1 x 1         -      1,024",
        "--------------------------------------------------------------",
        "2 in all                                      7,000  3,145,728",
        "",
        "read and written: 3.0 MiB, 1.50 times the least",
        "buffers: 1.0 MiB of maps, 2.00 times the least, and 2.0 MiB of weights",
        "",
      ].join("\n"),
    );
    const { stdout: json } = await run("describe lenet5 --device webgpu --json");
    expect(JSON.parse(json).gpu).toEqual(GPU_STEPS);
  });

  test("an unknown network is answered with the nearest names", async () => {
    const { code, stdout, stderr } = await run("describe squeeznet1_1");
    expect(stderr).toMatch(
      /^convzoo: .*nearest names are squeezenet1_1, squeezenet1_0.*\[unknown-model\]\n$/,
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  test("an input that is too small is refused", async () => {
    const { code, stderr } = await run("describe alexnet --input 3x32x32");
    expect(stderr).toMatch(/\[bad-shape\]\n$/);
    expect(code).toBe(2);
  });
});
