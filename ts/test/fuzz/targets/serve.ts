/** Requests to `convzoo serve`: the v2 protocol in JSON and in binary, images, forms, addresses and headers. */
import { fakeServer } from "../../serve.js";
import { among, damaged, damagedJson, damagedText, type Json, joined, type Random } from "../mutate.js";
import type { Target } from "../target.js";

type Bytes = Uint8Array<ArrayBuffer>;

/** Statuses of refusals; 500 is none. */
const REFUSALS = new Set([400, 403, 404, 413, 415, 422, 503]);
const SECRETS = /\bat .*:\d+:\d+|node_modules|\/src\/|\.ts\b/;

const CONFIG = "limits: { body: 64 KiB, pixels: 10000 }\nmodels: [{ model: lenet5, name: digits }]";
let started: ReturnType<typeof fakeServer> | undefined;

/** A request as bytes: a line of JSON with all but its body, then that. */
interface Head {
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

const encode = (text: string): Bytes => new Uint8Array(Buffer.from(text));
const request = (head: Head, body: Uint8Array): Bytes => joined(encode(`${JSON.stringify(head)}\n`), body);

/** The request of an input; undefined where no HTTP library would send such a one. */
function parsed(input: Bytes): Request | undefined {
  const end = input.indexOf(10);
  const { path, method, headers } = JSON.parse(Buffer.from(input.subarray(0, end)).toString()) as Head;
  try {
    const body = method === "GET" ? undefined : input.slice(end + 1);
    return new Request(`http://localhost:8000${path}`, { method, headers, body });
  } catch {
    return undefined;
  }
}

const asksForNothing = () => {
  throw new Error("the server made a request");
};

async function take(input: Bytes): Promise<"taken" | "refused"> {
  started ??= fakeServer(CONFIG);
  const server = await started;
  const asked = parsed(input);
  if (!asked) return "refused";
  server.lines.length = 0;
  const real = globalThis.fetch;
  globalThis.fetch = asksForNothing;
  try {
    const answer = await server.app.fetch(asked, { address: "10.0.0.1" });
    const text = await answer.text();
    if (answer.status === 200) return "taken";
    if (!REFUSALS.has(answer.status))
      throw new Error(`status ${answer.status}: ${text} ${JSON.stringify(server.lines)}`);
    if (SECRETS.test(text)) throw new Error(`the client is told ${text}`);
    const { error } = JSON.parse(text) as { error?: unknown };
    if (typeof error !== "string" || error.length < 10) throw new Error(`no sentence: ${text}`);
    const good = await server.post("/classify", Uint8Array.of(1, 7));
    if (good.status !== 200) throw new Error(`then a good request got ${good.status}`);
    return "refused";
  } finally {
    globalThis.fetch = real;
  }
}

const INFER: Json = {
  id: "42",
  inputs: [{ name: "input", datatype: "FP32", shape: [1, 1, 2, 2], data: [1, 2, 3, 4] }],
  outputs: [
    { name: "output", parameters: { classification: 2, binary_data: false } },
    { name: "features.0" },
  ],
  parameters: { binary_data_output: false, batch: true },
};
const BINARY: Json = {
  inputs: [{ name: "input", datatype: "FP32", shape: [1, 1, 2, 2], parameters: { binary_data_size: 16 } }],
  parameters: { binary_data_output: true },
};

const json = (value: Json, random: Random): Bytes =>
  random(3) === 0
    ? damagedText([JSON.stringify(value)], random)
    : encode(JSON.stringify(random(10) === 0 ? value : damagedJson(value, random)) ?? "");

const infer = "/v2/models/digits/infer";
const target = (name: string, make: Target["make"]): Target => ({
  name: `serve-${name}`,
  few: 1200,
  make,
  take,
});

const ROUTES = [
  ["POST", infer],
  ["POST", "/classify?topk=3&crops=ten"],
  ["POST", "/dense?label=1"],
  ["GET", "/v2/models/digits/versions/1"],
  ["POST", "/v2/repository/models/digits/load"],
  ["GET", "/metrics"],
  ["GET", "/v2/health/ready"],
] as const;
const METHODS = ["GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PROPFIND"];
const HEADERS: Json = {
  "content-type": "application/json",
  "content-encoding": "gzip",
  "content-length": "12",
  "x-request-id": "abc",
  authorization: "Bearer abc",
  "inference-header-content-length": "5",
};
const FORM = [
  '--x\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\ncontent-type: image/png\r\n\r\n\x01\x07\r\n--x--\r\n',
  '--x\r\ncontent-disposition: form-data; name="topk"\r\n\r\n3\r\n--x\r\ncontent-disposition: form-data; name="image"; filename="../b"\r\n\r\n\x01\x07\r\n--x--\r\n',
];

/** Texts alone, as headers are. */
const texts = (value: Json): Record<string, string> =>
  Object.fromEntries(
    Object.entries((value ?? {}) as object).map(([key, one]) => [
      key,
      typeof one === "string" ? one : JSON.stringify(one),
    ]),
  );

export const serve: readonly Target[] = [
  target("json", (random) => request({ path: infer, method: "POST", headers: {} }, json(INFER, random))),
  target("binary", (random) => {
    const head = json(BINARY, random);
    const length =
      random(8) === 0 ? among(random, ["0", "-1", "1e3", "999999999", "0x10", " 5"]) : String(head.length);
    const headers = { "inference-header-content-length": length };
    const floats = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    const tail = random(3) === 0 ? damaged([floats], random) : floats;
    return request({ path: infer, method: "POST", headers }, joined(head, tail));
  }),
  target("image", (random) => {
    const isForm = random(2) === 0;
    const body = isForm ? damagedText(FORM, random) : json({ url: "http://169.254.169.254/latest" }, random);
    const headers = {
      "content-type": isForm
        ? "multipart/form-data; boundary=x"
        : among(random, ["application/json", "image/png"]),
    };
    return request(
      { path: among(random, ["/classify", "/dense", "/classify?topk=2"]), method: "POST", headers },
      body,
    );
  }),
  target("request", (random) => {
    const headers = random(2) === 0 ? {} : texts(damagedJson(HEADERS, random));
    const [usual, route] = among(random, ROUTES);
    const path = random(3) === 0 ? route : Buffer.from(damagedText([route], random)).toString();
    const method = random(6) === 0 ? among(random, METHODS) : usual;
    return request({ path, method, headers }, damaged([Uint8Array.of(1, 7, 0, 0)], random));
  }),
];
