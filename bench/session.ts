/** An engine that is loaded somewhere and can be timed: in a page, or in a process that speaks JSON lines. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Opened, Time } from "./engine.js";

export interface Session {
  readonly opened: Opened;
  readonly time: Time;
  /** Ends it; gives the most memory that it held, in MiB, or NaN where the system does not say. */
  close(): Promise<number>;
}

/**
 * Starts a program that prints an Opened, then for each line with a number of runs on its input their milliseconds, and
 * at the end of its input the most memory that it held, in MiB: one line of JSON each.
 */
export async function openProcess(command: string, args: readonly string[]): Promise<Session> {
  const { child, next } = start(command, args);
  const opened = await next<Opened>();
  return {
    opened,
    time: (runs) => {
      child.stdin.write(`${runs}\n`);
      return next();
    },
    close: () => {
      child.stdin.end();
      return next();
    },
  };
}

/** Starts a program that answers each line of JSON with one. */
export function openProgram(command: string, args: readonly string[]) {
  const { child, next } = start(command, args);
  return {
    ask: <T>(question: unknown): Promise<T> => {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      return next<T>();
    },
    close: () => void child.stdin.end(),
  };
}

function start(command: string, args: readonly string[]) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  const failed = new Promise<never>((_, reject) => {
    child.on("error", reject);
    child.on("close", (status) =>
      reject(new Error(`${command} ${args[0]} ended (${status}): ${said.slice(-2000)}`)),
    );
  });
  failed.catch(() => {});
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T> => {
    const line = await Promise.race([lines.next(), failed]);
    if (line.done) return await failed;
    return JSON.parse(line.value) as T;
  };
  return { child, next };
}
