/** `convzoo serve` of the packed package, in Node, Deno and Bun, with the packages beside it that it names when they are missing. */
import { cpSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { PEERS } from "../../src/cli/peers.js";
import { live } from "../live.js";
import { type Installed, inRuntimes, install, root, runToEnd } from "./packed.js";

const cli = "node_modules/convzoo/dist/cli.js";
let installed: Installed;
beforeAll(() => {
  installed = install();
});
afterAll(() => installed?.remove());

test("without the packages that it needs, it names them", async () => {
  const ended = await runToEnd(process.execPath, [cli, "serve"], installed.folder, 30_000);
  expect(ended.status).toBe(2);
  expect(ended.stderr).toContain(`npm install ${PEERS.serve.join(" ")}`);
  // Other commands do not miss them.
  expect(await runToEnd(process.execPath, [cli, "--version"], installed.folder, 30_000)).toMatchObject({
    status: 0,
  });
});

describe("with them", () => {
  beforeAll(() => {
    // What npm would install: they, and what they depend on.
    const wanted = new Set<string>(PEERS.serve);
    for (const name of wanted) {
      const from = join(root, "node_modules", name);
      const { dependencies = {} } = JSON.parse(readFileSync(join(from, "package.json"), "utf8"));
      for (const other of Object.keys(dependencies)) wanted.add(other);
      cpSync(from, join(installed.folder, "node_modules", name), { recursive: true });
    }
  });

  const runtimes = [
    { name: "Node", path: process.execPath, args: [] },
    {
      name: "Deno",
      path: inRuntimes("deno/deno"),
      args: ["run", "--no-prompt", "--allow-read", "--allow-net", "--allow-env", "--allow-sys"],
    },
    { name: "Bun", path: inRuntimes("bun/bin/bun"), args: [] },
  ];

  describe.each(runtimes)("$name", ({ name, path, args }) => {
    beforeEach(({ skip }) => skip(!path, `the package of ${name} is not installed for this platform`));

    test("it serves", async () => {
      const yaml = "models: [{ model: lenet5, threads: 1 }]\nlimits: { body: 1 MiB, seconds: 10 }\n";
      const server = await live(yaml, { command: [path!, ...args, cli], cwd: installed.folder });
      try {
        const seven = new Uint8Array(readFileSync(join(root, "examples/digits/7-0.png")));
        const post = (path: string, body: BodyInit) => fetch(server.url + path, { method: "POST", body });
        const form = new FormData();
        form.set("image", new File([seven], "7.png"));
        for (const body of [seven, form]) {
          const { top } = (await (await post("/classify?topk=1", body)).json()) as {
            top: { label: string }[];
          };
          expect(top[0]!.label).toBe("7");
        }
        const given = { name: "input", datatype: "FP32", shape: [1, 1, 28, 28], data: Array(784).fill(0.5) };
        const answer = await post("/v2/models/lenet5/infer", JSON.stringify({ inputs: [given] }));
        expect(await answer.json()).toMatchObject({ outputs: [{ shape: [1, 10], data: expect.any(Array) }] });
        expect((await post("/classify", "no image")).status).toBe(400);
        // However far the client is with sending when it is told.
        for (const size of [2 ** 20 + 1, 2 ** 22, 2 ** 24, 2 ** 24, 2 ** 24])
          expect((await post("/classify", new Uint8Array(size))).status).toBe(413);
        expect((await post("/v2/repository/models/lenet5/load", "")).status).toBe(200);
        expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(/^convzoo_batch_size_count/m);
        server.signal("SIGTERM");
        expect(await server.ended).toBe(0);
        expect(server.lines.some(({ client }) => client === "127.0.0.1")).toBe(true);
      } finally {
        await server.close();
      }
    });

    test("who is refused while it still sends gets its answer, and the connection is good for more", async () => {
      const yaml = "models: [{ model: lenet5, threads: 1, queue: 1, maxBatch: 256, maxDelayMs: 10000 }]\n";
      const server = await live(yaml, { command: [path!, ...args, cli], cwd: installed.folder });
      const gone = new AbortController();
      try {
        const given = { name: "input", datatype: "FP32", shape: [1, 1, 28, 28], data: Array(784).fill(0.5) };
        const infer = { method: "POST", body: JSON.stringify({ inputs: [given] }), signal: gone.signal };
        const waiting = fetch(`${server.url}/v2/models/lenet5/infer`, infer).catch(() => "gone");
        const page = async () => (await fetch(`${server.url}/metrics`)).text();
        await expect.poll(page).toMatch(/^convzoo_queue_length\{model="lenet5"\} 1$/m);
        const socket = connect(server.port, "127.0.0.1");
        let said = "";
        const errors: Error[] = [];
        socket.setEncoding("latin1").on("data", (part) => (said += part));
        socket.on("error", (error) => errors.push(error));
        const pieces = Array.from({ length: 16 }, () => Buffer.alloc(2 ** 18));
        socket.write(`POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: ${2 ** 22}\r\n\r\n`);
        socket.write(pieces.pop()!);
        await expect.poll(() => said).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\n\r\n[\s\S]*"code":"busy"/);
        // Longer than servers wait for such a one of their own accord.
        for (const piece of pieces) {
          await new Promise((resolve) => setTimeout(resolve, 100));
          socket.write(piece);
        }
        // Deno says that it ends the connection, and does; who is told so sends no more.
        if (name === "Deno") {
          expect(said).toMatch(/\r\nconnection: close\r\n/);
          await expect.poll(() => socket.readableEnded).toBe(true);
        } else {
          socket.write("GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n");
          await expect.poll(() => said).toMatch(/"code":"busy"[\s\S]*HTTP\/1\.1 200 [\s\S]*\{"live":true\}/);
        }
        expect(errors).toEqual([]);
        socket.destroy();
        gone.abort();
        expect(await waiting).toBe("gone");
      } finally {
        await server.close();
      }
    });
  });
});
