/**
 * `convzoo serve` under load: images a second and latencies at 1, 8, 64 and 256 connections, against the bare engine (a loop in
 * one process, before and after) and against fastify with onnxruntime-node on the same weights. Options and what is counted:
 * README.md beside this. `node --import tsx bench/serve.ts --threads 2`.
 */
import { execFileSync, spawn } from "node:child_process";
import type { EventEmitter } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Weights } from "../ts/src/cli/bench/fold.js";
import { toOnnx } from "../ts/src/cli/bench/onnx.js";
import { lower } from "../ts/src/graph.js";
import { toFloat32 } from "../ts/src/weights/dtype.js";
import { zoo } from "../ts/src/zoo/index.js";
import { convzoo } from "../ts/test/golden/package.js";
import { live } from "../ts/test/live.js";
import { aboutRun, keep } from "./machine.js";

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "2" },
    seconds: { type: "string", default: "5" },
    connections: { type: "string", default: "1,8,64,256" },
    only: { type: "string", default: "classify,infer" },
    peer: { type: "boolean", default: true },
    save: { type: "boolean", default: false },
  },
  allowNegative: true,
});
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const photo = path("../examples/images/owl.jpg");
const QUEUE = 128;

if (!existsSync(path("serve/node_modules"))) {
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  execFileSync("npm", args, { cwd: path("serve"), stdio: "inherit" });
}
// A name that the compiler does not follow: these packages are there only once this has run.
const packageName: string = "./serve/node_modules/autocannon/autocannon.js";
const { default: autocannon } = (await import(packageName)) as {
  default: (options: object) => Promise<Load> & EventEmitter;
};

/** What autocannon tells. */
interface Load {
  readonly "2xx": number;
  readonly non2xx: number;
  readonly errors: number;
  readonly timeouts: number;
  readonly mismatches: number;
  readonly duration: number;
}

/** What it was answered, and how long each answer took, milliseconds, by status. */
interface Measured {
  readonly load: Load;
  readonly took: ReadonlyMap<number, readonly number[]>;
}

interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly verifyBody?: (body: string) => boolean;
}

const model = await convzoo.load("squeezenet1_1", { threads: 1 });
const input = await model.prepare(photo);
const tensor = Buffer.from(input.data.buffer as ArrayBuffer);
model.dispose();

function targets(base: string): Readonly<Record<string, Target>> {
  const given = {
    name: "input",
    datatype: "FP32",
    shape: input.shape,
    parameters: { binary_data_size: tensor.length },
  };
  const head = Buffer.from(JSON.stringify({ inputs: [given], parameters: { binary_data_output: true } }));
  const headers = {
    "content-type": "application/octet-stream",
    "inference-header-content-length": String(head.length),
  };
  return {
    classify: {
      url: `${base}/classify`,
      headers: { "content-type": "image/jpeg" },
      body: readFileSync(photo),
      verifyBody: (body) => /^\{"error"/.test(body) || /"index":82,/.test(body),
    },
    infer: { url: `${base}/v2/models/squeezenet1_1/infer`, headers, body: Buffer.concat([head, tensor]) },
  };
}

const peerTargets = (base: string): Readonly<Record<string, Target>> => ({
  classify: { ...targets(base).classify!, verifyBody: (body) => /"index":82,/.test(body) },
  infer: { url: `${base}/infer`, headers: { "content-type": "application/octet-stream" }, body: tensor },
});

/** The bare engine's images a second. */
function bare(): Record<string, number> {
  const args = ["--import", "tsx", path("serve/bare.ts"), values.threads, values.seconds, photo];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8", cwd: path("..") }));
}

async function startPeer(): Promise<{ url: string; end(): void }> {
  const folder = path("../build/bench");
  mkdirSync(folder, { recursive: true });
  const file = `${folder}/squeezenet1_1.onnx`;
  const stored = await convzoo.loadWeights(path("../dist/weights/squeezenet1_1.safetensors"));
  const weights: Weights = new Map(
    [...stored].map(([key, tensor]) => [key, { shape: tensor.shape, data: toFloat32(tensor) }]),
  );
  writeFileSync(file, toOnnx(lower(zoo.squeezenet1_1.build()), weights, [1, 3, 224, 224]));
  const args = [path("serve/peer.mjs"), file, values.threads];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], cwd: path("serve") });
  for await (const line of createInterface(child.stdout))
    return { url: JSON.parse(line).url, end: () => child.kill() };
  throw new Error("the peer did not start");
}

async function load(target: Target, connections: number): Promise<Measured> {
  const common = { ...target, method: "POST", timeout: 60 };
  await autocannon({ ...common, connections: Math.min(8, connections), duration: 1 });
  const took = new Map<number, number[]>();
  const going = autocannon({ ...common, connections, duration: Number(values.seconds) });
  going.on("response", (_client: object, status: number, _bytes: number, ms: number) => {
    const known = took.get(status);
    if (known) known.push(ms);
    else took.set(status, [ms]);
  });
  return { load: await going, took };
}

/** The time within which a share of the answers came, whole milliseconds; 0 where there are none. */
function within(share: number, times: readonly number[] = []): number {
  const sorted = times.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
}

const rows: Record<string, string | number>[] = [];
async function measure(server: string, of: (base: string) => Readonly<Record<string, Target>>, base: string) {
  for (const kind of values.only.split(",")) {
    for (const connections of values.connections.split(",").map(Number)) {
      const { load: got, took } = await load(of(base)[kind]!, connections);
      const perSecond = got["2xx"] / got.duration;
      const [good, refusals] = [took.get(200), took.get(503)];
      // All that may be before it and with it in the model, at the speed that was measured. What is told 503 waits for its turn instead.
      const bound = Math.round((1000 * (Math.min(connections, QUEUE) + 16)) / perSecond);
      const refused = refusals?.length ?? 0;
      const odd = got.errors + got.timeouts + got.mismatches + got.non2xx - refused;
      rows.push({
        server,
        kind,
        connections,
        perSecond: Math.round(10 * perSecond) / 10,
        p50: within(0.5, good),
        p99: within(0.99, good),
        max: within(1, good),
        bound,
        "503": refused,
        "p99 of 503": within(0.99, refusals),
        odd,
      });
      console.error(JSON.stringify(rows.at(-1)));
    }
  }
}

const before = bare();
const yaml = `models: [{ model: squeezenet1_1, threads: ${values.threads}, queue: ${QUEUE} }]\n`;
const server = await live(yaml);
await measure("convzoo serve", targets, server.url);
const page = await (await fetch(`${server.url}/metrics`)).text();
server.signal("SIGTERM");
const code = await server.ended;
if (values.peer) {
  const peer = await startPeer();
  await measure("fastify + onnxruntime-node", peerTargets, peer.url);
  peer.end();
}
const after = bare();

console.table(rows);
const engine = values.only.split(",").map((kind) => {
  const at64 = rows.find((row) => row.kind === kind && row.connections === 64);
  const mean = (before[kind]! + after[kind]!) / 2;
  const share = at64 && Math.round((100 * Number(at64.perSecond)) / mean) / 100;
  return { kind, before: before[kind], after: after[kind], "served at 64 connections / bare": share };
});
console.table(engine);
const sums = [...page.matchAll(/^convzoo_batch_size_(sum|count)\{.*\} (\d+)$/gm)].map((match) =>
  Number(match[2]),
);
console.log(
  `a batch had ${(sums[0]! / sums[1]!).toFixed(1)} images; the server ended with ${code}, and said: ${server.said() || "nothing"}`,
);
if (values.save) {
  const about = aboutRun(`Node ${process.version}, ${values.threads} threads, ${values.seconds} s a row`);
  keep(`serve-${values.threads}-threads`, about, { rows, engine });
}
