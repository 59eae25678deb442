/** Engines in Chromium: a browser each, so that none shares a process; all files from a server of our own. */
import { createReadStream, existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.js";
import type { Opened, Settings } from "./engine.js";
import type { Session } from "./session.js";

const root = fileURLToPath(new URL("..", import.meta.url));

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** playwright-core's part that is used here; the package is one of those that the runtime tests install. */
interface Playwright {
  readonly chromium: { launch(options: { executablePath: string; args: string[] }): Promise<Browser> };
}
interface Browser {
  version(): string;
  newPage(): Promise<Page>;
  newBrowserCDPSession(): Promise<{ send(method: string): Promise<unknown> }>;
  close(): Promise<void>;
}
interface Page {
  goto(address: string): Promise<unknown>;
  evaluate<T>(expression: string): Promise<T>;
}

export interface Chromium {
  readonly version: string;
  /** The GPU that its pages get, where they are to have one. */
  readonly adapter?: string;
  open(settings: Settings): Promise<Session>;
  close(): void;
}

/** Serves the repository with the headers that threads need. */
function serve(): Server {
  const blank = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:," /><body></body>';
  const isolated = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  };
  return createServer((request, response) => {
    const path = normalize(decodeURI(new URL(request.url!, "http://x").pathname));
    const file = join(root, path);
    const found = path === "/" || (existsSync(file) && statSync(file).isFile());
    const type = path === "/" ? "text/html" : (TYPES[extname(path)] ?? "application/octet-stream");
    response.writeHead(found ? 200 : 404, { ...isolated, "content-type": type });
    if (path === "/" || !found) response.end(found ? blank : "not here");
    else createReadStream(file).pipe(response);
  });
}

const ALWAYS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"];
/** With the machine's own GPU, and with a program in its place: see ts/test/gpu.ts. */
const OWN = ["--enable-unsafe-webgpu", "--ignore-gpu-blocklist", "--enable-features=Vulkan"];
const SWIFTSHADER = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension",
];

/** What a page says of its GPU, if it has one. */
const ADAPTER = `(async () => {
  const adapter = await navigator.gpu?.requestAdapter();
  return adapter && [adapter.info.vendor, adapter.info.architecture, adapter.info.description].filter(Boolean).join(" ");
})()`;

/** Starts the server and bundles the page's program; with a GPU for pages, if that is wanted. */
export async function startChromium(executablePath: string, gpu: boolean): Promise<Chromium> {
  const outdir = join(root, "build/bench/page");
  rmSync(outdir, { recursive: true, force: true });
  await bundle(join(root, "bench/in-page.ts"), outdir);
  const { chromium } = createRequire(join(root, "ts/test/runtime/package.json"))(
    "playwright-core",
  ) as Playwright;
  const server = serve();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const start = async (own: readonly string[]) => {
    const browser = await chromium.launch({ executablePath, args: [...ALWAYS, ...own] });
    const page = await browser.newPage();
    await page.goto(`${origin}/`);
    await page.evaluate('import("/build/bench/page/in-page.js").then(() => {})');
    return { browser, page };
  };
  /** A browser's version and GPU, with these flags. */
  const look = async (own: readonly string[]) => {
    const { browser, page } = await start(own);
    const adapter = gpu ? await page.evaluate<string | undefined>(ADAPTER) : undefined;
    const version = browser.version();
    await browser.close();
    return { version, adapter: adapter ?? undefined, own };
  };
  let found = await look(gpu ? OWN : ["--disable-gpu"]);
  if (gpu && found.adapter === undefined) found = await look(SWIFTSHADER);
  const { version, adapter, own } = found;
  return {
    version,
    adapter,
    open: async (settings) => {
      const { browser, page } = await start(own);
      const convzoo = { ...settings.convzoo, entry: "/dist/browser.js" };
      const given: Settings = { ...settings, modules: `${origin}/node_modules/`, convzoo };
      const opened = await page.evaluate<Opened>(`bench.open(${JSON.stringify(given)})`);
      return {
        opened,
        time: (runs) => page.evaluate(`bench.time(${runs})`),
        close: async () => {
          const peak = await peakMemory(browser);
          await browser.close();
          return peak;
        },
      };
    },
    close: () => void server.close(),
  };
}

/** The most memory that the page's process has held, in MiB; only Linux says. */
async function peakMemory(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = (await session.send("SystemInfo.getProcessInfo")) as {
    processInfo: { id: number; type: string }[];
  };
  const peaks = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => {
      const status = `/proc/${id}/status`;
      const line = existsSync(status) ? /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(status, "utf8")) : null;
      return line ? Number(line[1]) / 1024 : Number.NaN;
    });
  return Math.max(...peaks);
}
