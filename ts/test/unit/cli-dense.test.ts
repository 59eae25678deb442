/** `convzoo dense` with a process and a model that are not there. */
import { decode } from "fast-png";
import { describe, expect, test } from "vitest";
import { run } from "../cli.js";

describe("dense", () => {
  test.each([
    ["dense", /wants one FILE/],
    ["dense a b", /wants one FILE/],
    ["dense a --scales six", /--scales is overfeat or a list of factors above 0.*"six"/],
    ["dense a --scales 1,,2", /--scales .*"1,,2"/],
    ["dense a --scales 0", /--scales .*"0"/],
    ["dense a --pooling none", /--pooling is window or cell, not "none"/],
    ["dense a --topk 3", /Unknown option '--topk'/],
  ])("%j is refused with advice and code 2", async (line, message) => {
    const { code, stdout, stderr, loads } = await run(line);
    expect(stderr).toMatch(message);
    expect({ code, stdout, loads }).toEqual({ code: 2, stdout: "", loads: [] });
  });

  test("has a help of its own", async () => {
    const [asked, ...others] = await Promise.all(
      ["help dense", "dense --help", "dense -h"].map((line) => run(line)),
    );
    expect(asked).toMatchObject({ code: 0, stderr: "", loads: [] });
    expect(asked!.stdout).toMatch(/^Usage: convzoo dense FILE/);
    for (const other of others) expect(other).toEqual(asked);
  });

  test("scans for what classify finds, writes heat.png and reports the peaks", async () => {
    const { code, stdout, loads, classified, scanned, files, disposed } = await run("dense a");
    expect({ code, disposed }).toEqual({ code: 0, disposed: 1 });
    expect(loads[0]).toMatchObject({ name: "squeezenet1_1", options: { device: "auto" } });
    expect(classified[0]).toMatchObject({ file: { width: 32, height: 24 }, options: { topk: 1 } });
    expect(scanned[0]!.options).toEqual({ scales: [1], classes: [7] });
    expect(stdout).toMatch(/^a {2}cock \(7\)\n {2}█{10} {2}12\.50 {2}at 16, 16 {2}in 10 x 10 from 11, 11\n/);
    expect(stdout).toMatch(/ms: 3 x 2 cells by squeezenet1_1 on wasm .*\n {2}picture: heat\.png\n$/);
    const picture = decode(files["heat.png"]!);
    expect(picture).toMatchObject({ width: 32, height: 24, channels: 3 });
    // Black at the top left, which scores nothing; red where the peak is.
    const pixel = (x: number, y: number) => [
      ...picture.data.subarray(3 * (32 * y + x), 3 * (32 * y + x) + 3),
    ];
    expect(pixel(0, 0)).toEqual([0, 0, 0]);
    expect(pixel(16, 16)[0]).toBeGreaterThan(80);
  });

  test("takes its options, and a class by name or number", async () => {
    const line =
      "dense a -m alexnet -w w.safetensors --pooling cell --fine --scales 1,1.5 -o b.png --threads 2";
    const named = await run(`${line} --label cock`);
    expect(named.loads[0]).toMatchObject({
      name: "alexnet",
      options: { weights: "w.safetensors", threads: 2 },
    });
    expect(named.scanned[0]!.options).toEqual({
      pooling: "cell",
      fine: true,
      scales: [1, 1.5],
      classes: ["cock"],
    });
    expect(named.classified).toEqual([]);
    expect(Object.keys(named.files)).toEqual(["b.png"]);
    expect((await run("dense a -l 7 --scales overfeat")).scanned[0]!.options).toEqual({
      scales: "overfeat",
      classes: [7],
    });
  });

  test("--json prints the peaks", async () => {
    const { stdout } = await run("dense a --json");
    const { ms, ...answer } = JSON.parse(stdout);
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(answer).toEqual({
      file: "a",
      model: "squeezenet1_1",
      device: "wasm",
      threads: 3,
      index: 7,
      label: "cock",
      map: [2, 3],
      stride: 8,
      peaks: [{ score: 12.5, i: 1, j: 1, x: 16, y: 16, box: { x: 11, y: 11, width: 10, height: 10 } }],
      out: "heat.png",
    });
  });

  test("a large image's picture is a smaller copy", async () => {
    const { files } = await run("dense large");
    expect(decode(files["heat.png"]!)).toMatchObject({ width: 2048, height: 512 });
  });

  test("a file that is no image ends it", async () => {
    const { code, stdout, stderr, disposed, files } = await run("dense bad");
    expect({ code, stdout, disposed, files }).toEqual({ code: 2, stdout: "", disposed: 1, files: {} });
    expect(stderr).toMatch(/bad: The image is text\. \[bad-image\]/);
  });
});
