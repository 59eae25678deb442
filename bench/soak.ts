/**
 * A server under mixed requests, five in a hundred of them bad, for long: `node --import tsx bench/soak.ts --minutes 30`. Says
 * how its memory went, and fails where an answer was wrong or memory grew by more than 5 % after the first three minutes (or
 * the first third).
 */
import { parseArgs } from "node:util";
import { live } from "../ts/test/live.js";
import { least, SOAKED, soak } from "../ts/test/soak.js";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "30" }, seed: { type: "string", default: "1" } },
});
const seconds = 60 * Number(values.minutes);
const server = await live(SOAKED);
const { right, wrong, memory, held } = await soak(server, seconds, Number(values.seed));
server.signal("SIGTERM");
const code = await server.ended;

console.table(right);
for (const one of wrong) console.log(`WRONG ${one}`);
const settled = Math.floor(Math.min(180, seconds / 3));
const stretch = Math.floor((memory.length - settled) / 4);
const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
const quartersOf = (all: readonly number[]) =>
  [0, 1, 2, 3].map((i) => least(all.slice(settled + i * stretch, settled + (i + 1) * stretch)));
const quarters = quartersOf(memory);
console.log(`memory in MiB, the least of each quarter after ${settled} s: ${quarters.map(mib).join(", ")}`);
console.log(`of these held by the server's own thread: ${quartersOf(held).map(mib).join(", ")}`);
console.log(
  `each tenth second: ${memory
    .filter((_, i) => i % 10 === 0)
    .map(mib)
    .join(" ")}`,
);
console.log(`most at any time: ${mib(Math.max(...memory))}`);
const growth = quarters[3]! / quarters[0]! - 1;
const refused = server.lines.filter(({ status }) => status === 503).length;
console.log(
  `${(100 * growth).toFixed(1)} % growth; ${refused} times 503; exit code ${code}; said: ${server.said() || "nothing"}`,
);
process.exitCode = wrong.length > 0 || growth > 0.05 || code !== 0 || server.said() !== "" ? 1 : 0;
