/** `convzoo serve` as a process of its own, on a port that is free. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const collecting = new URL("collects.mjs", import.meta.url).href;
const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

export interface Line {
  readonly level: string;
  readonly message: string;
  readonly [key: string]: unknown;
}

export interface Live {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Where its configuration is. */
  readonly folder: string;
  readonly lines: readonly Line[];
  /** What it said otherwise, which should be nothing. */
  said(): string;
  configure(yaml: string): void;
  signal(name: NodeJS.Signals): void;
  /** Waits for a line of the log, from those after the `after`th on. */
  line(message: string, after?: number): Promise<Line>;
  /** Bytes of objects and buffers that its main thread holds once its garbage is collected; of a server that `collects`. */
  held(): Promise<number>;
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  /** Ends it, if it has not. */
  close(): Promise<void>;
}

export interface LiveOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly cwd?: string;
  /** Whether it can be asked what it holds. */
  readonly collects?: boolean;
}

/** Starts a server and waits until it is ready. Throws what it said where it does not become so. */
export async function live(
  yaml: string,
  { env = {}, command = [process.execPath, cli], cwd, collects = false }: LiveOptions = {},
): Promise<Live> {
  const folder = mkdtempSync(join(tmpdir(), "convzoo-serve-"));
  const file = join(folder, "serve.yaml");
  const configure = (text: string) => writeFileSync(file, text);
  configure(yaml);
  const [program, ...args] = command;
  const asked = collects ? ["--import", collecting] : [];
  const child = spawn(program!, [...asked, ...args, "serve", "--config", file, "--port", "0"], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe", ...(collects ? (["ipc"] as const) : [])],
  }) as ChildProcessByStdio<null, Readable, Readable>;
  const lines: Line[] = [];
  let [rest, stderr] = ["", ""];
  const listeners = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    for (const part of parts) lines.push(JSON.parse(part));
    for (const listener of listeners) listener();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close").then(([code]) => {
    rmSync(folder, { recursive: true, force: true });
    for (const listener of listeners) listener();
    return code as number | null;
  });
  const line = (message: string, after = 0): Promise<Line> =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = lines.slice(after).find((one) => one.message === message);
        const isOver = child.exitCode !== null || child.signalCode !== null;
        if (!found && !isOver) return;
        listeners.delete(look);
        if (found) resolve(found);
        else reject(new Error(`the server ended: ${stderr}\n${JSON.stringify(lines.slice(-5))}`));
      };
      listeners.add(look);
      look();
    });
  const url = String((await line("listening")).url);
  await line("ready");
  return {
    url,
    port: Number(new URL(url).port),
    pid: child.pid!,
    folder,
    lines,
    said: () => stderr,
    configure,
    signal: (name) => child.kill(name),
    line,
    held: async () => {
      child.send("what do you hold?");
      const [bytes] = await once(child, "message");
      return bytes as number;
    },
    ended,
    async close() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
}
