/** Packages that one command needs and an application does not: its user installs them beside this one. */
import { createRequire } from "node:module";
import { ConvzooError } from "../errors.js";

/** What each of these commands imports: package.json's optional peers. */
export const PEERS = {
  serve: ["hono", "@hono/node-server", "yaml", "prom-client"],
  "bulk --queue": ["bullmq", "ioredis"],
  "bulk --parquet": ["hyparquet-writer"],
  "bulk --list FILE.csv": ["csv-parse"],
} as const;

/** Throws `unsupported`, with what to type, unless all that a command needs can be imported from here. */
export function needPeers(command: keyof typeof PEERS, from: string = import.meta.url): void {
  const require = createRequire(from);
  const missing = PEERS[command].filter((name) => {
    try {
      require.resolve(name);
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length === 0) return;
  const [are, them] = missing.length === 1 ? ["is", "it"] : ["are", "them"];
  const message =
    `\`convzoo ${command}\` uses ${missing.join(", ")}, which ${are} not installed beside convzoo: ` +
    `\`npm install ${missing.join(" ")}\` installs ${them}.`;
  throw new ConvzooError("unsupported", message);
}
