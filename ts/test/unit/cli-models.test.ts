/** `convzoo models`, with a process that is not there. */
import { describe, expect, test } from "vitest";
import { bar } from "../../src/cli/format.js";
import { findEntry, zoo } from "../../src/zoo/index.js";
import { run } from "../cli.js";

describe("models", () => {
  test("lists every network with its figures, in columns", async () => {
    const { code, stdout } = await run("models");
    const [head = "", ...lines] = stdout.split("\n\n")[0]!.split("\n");
    expect(lines.map((line) => line.split(" ")[0])).toEqual(Object.keys(zoo));
    const alexnet = lines.find((line) => line.startsWith("alexnet "))!;
    expect(alexnet.split(/ {2,}/)).toEqual([
      ...["alexnet", "alexnet", "2014", "61.10 M", "714.19 M", "3x224x224", "56.5", "imagenet1k_v1"],
    ]);
    for (const line of lines) expect(line.slice(head.indexOf("input") - 2)).toMatch(/^ {2}\dx/);
    expect(stdout).toMatch(/squeezenet1_1 .* imagenet1k_v1\*, torchvision_imagenet1k_v1\n/);
    expect(code).toBe(0);
  });

  test("--json gives the table's rows", async () => {
    const { stdout } = await run("models --json");
    const rows = JSON.parse(stdout) as { name: string; params: number; weights: object[] }[];
    expect(rows.map(({ name, params }) => [name, params])).toEqual(
      Object.keys(zoo).map((name) => [name, findEntry(name).params]),
    );
    expect(rows.find(({ name }) => name === "squeezenet1_1")?.weights).toMatchObject([
      { name: "imagenet1k_v1", embedded: true, licence: "Apache-2.0", labels: "imagenet1k" },
      { name: "torchvision_imagenet1k_v1", embedded: false, url: expect.stringMatching(/^https:/) },
    ]);
  });
});

describe("models, some of them", () => {
  const names = async (line: string) => {
    const { stdout } = await run(`${line} --json`);
    return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
  };

  test.each([
    ["--family lenet,alexnet", ["lenet5", "alexnet"]],
    ["--weights", ["lenet5", "squeezenet1_1"]],
    ["--family resnet --sort top1", ["resnet152", "resnet101", "resnet50", "resnet34", "resnet18"]],
    ["--family amoebanet,alexnet --year 2014", ["alexnet"]],
    ["--family squeezenet --sort macs", ["squeezenet1_1", "squeezenet1_0"]],
  ])("%s", async (options, wanted) => {
    expect(await names(`models ${options}`)).toEqual(wanted);
  });

  test("sorted by name, 2 comes before 10; a span of years has both ends", async () => {
    const sorted = await names("models --sort name --year 2014-2015");
    expect(sorted.indexOf("resnet20_cifar")).toBeLessThan(sorted.indexOf("resnet110_cifar"));
    const years = new Set(sorted.map((name) => findEntry(name).year));
    expect([...years].sort()).toEqual([2014, 2015]);
  });

  test.each([
    ["--family resnets", /no family "resnets"; there are lenet, .*resnet/],
    ["--family lenet --year 2020", /No network is all of that/],
    ["--year 20", /--year is a year or a span .*"20"/],
    ["--year 2016-2014", /--year .*"2016-2014"/],
    ["--sort size", /--sort is name or year or params or macs or top1, not "size"/],
    ["--family lenet --plot x.svg", /None of these networks has a published accuracy on ImageNet/],
  ])("%s is refused", async (options, message) => {
    const { code, stderr, written } = await run(`models ${options}`);
    expect(stderr).toMatch(message);
    expect({ code, written }).toEqual({ code: 2, written: {} });
  });
});

describe("models --plot", () => {
  test("draws each network with an accuracy on ImageNet where its figures say", async () => {
    const { code, stdout, written } = await run("models --plot size.svg");
    const svg = written["size.svg"] ?? "";
    const circles = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)".*<title>(\w+):/g)];
    const drawn = Object.keys(zoo).filter((name) => {
      const { published, input } = findEntry(name);
      return published.top1 !== undefined && !published.conditions && input[1] > 200;
    });
    expect(circles.map(([, , , name]) => name)).toEqual(drawn);
    const place = (name: string) => {
      const [, x, y] = circles.find((circle) => circle[3] === name)!;
      return [Number(x), Number(y)] as const;
    };
    const [a, b, c] = ["resnet18", "resnet50", "resnet152"].map(place);
    for (const axis of [0, 1] as const) {
      const value = (name: "resnet18" | "resnet50" | "resnet152") =>
        axis === 0 ? Math.log(zoo[name].params) : zoo[name].published.top1!;
      const share = (value("resnet50") - value("resnet18")) / (value("resnet152") - value("resnet18"));
      expect((b![axis] - a![axis]) / (c![axis] - a![axis])).toBeCloseTo(share, 2);
    }
    expect(svg).toMatch(/Sources: BVLC, Cadene, paper, timm, torchvision\./);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  });

  test("names of networks cover no other name", async () => {
    const { written } = await run("models --family vgg,resnet,efficientnet,densenet --plot a.svg");
    const names = [...written["a.svg"]!.matchAll(/<text x="([\d.]+)" y="([\d.]+)" fill="hsl[^>]*>(\w+)</g)];
    expect(names.length).toBeGreaterThan(20);
    const boxes = names.map(([, x, y, name]) => ({ x: Number(x), y: Number(y), width: name!.length * 5.6 }));
    const covered = boxes.filter((a) =>
      boxes.some((b) => a !== b && Math.abs(a.y - b.y) < 10 && a.x < b.x + b.width && b.x < a.x + a.width),
    );
    expect(covered).toEqual([]);
  });
});

test.each([
  [0, "    "],
  [0.5, "██  "],
  [0.03, "▏   "],
  [0.96, "███▉"],
  [0.999, "████"],
  [1, "████"],
])("a bar of %d", (fraction, shown) => {
  expect(bar(fraction, 4)).toBe(shown);
});
