/**
 * A server under mixed requests, five in a hundred of them bad, for long: `node --import tsx bench/soak.ts --minutes 30`. Says
 * how its memory went, and fails where an answer was wrong or memory grew by more than 5 % after the first three minutes (or
 * the first third). `--rate` is requests a second at most, on a machine that others use too.
 */
import { parseArgs } from "node:util";
import { live } from "../ts/test/live.js";
import { least, median, SOAKED, soak } from "../ts/test/soak.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
    rate: { type: "string" },
  },
});
const seconds = 60 * Number(values.minutes);
const server = await live(SOAKED, { collects: true });
// Seldom, so that what the process holds at most is what its own collector leaves it.
const every = Math.max(2, seconds / 60);
const rate = values.rate === undefined ? undefined : Number(values.rate);
const { right, wrong, memory, held } = await soak(server, {
  seconds,
  seed: Number(values.seed),
  rate,
  every,
});
server.signal("SIGTERM");
const code = await server.ended;

console.table(right);
for (const one of wrong) console.log(`WRONG ${one}`);
const settled = Math.min(180, seconds / 3) / seconds;
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
/** Of each quarter of what follows the first minutes. */
const quarters = (all: readonly number[], of: (some: readonly number[]) => number) => {
  const rest = all.slice(settled * all.length);
  return [0, 1, 2, 3].map((i) => of(rest.slice((i * rest.length) / 4, ((i + 1) * rest.length) / 4)));
};
const [resident, own] = [quarters(memory, least), quarters(held, median)];
console.log(
  `the process's resident memory in MiB, the least of each quarter: ${resident.map(mib).join(", ")}`,
);
console.log(`held by the server's own thread, the median of each quarter: ${own.map(mib).join(", ")}`);
const minutes = memory.filter((_, i) => i % 60 === 59).map(mib);
console.log(`each minute: ${minutes.join(" ")}; most at any time: ${mib(Math.max(...memory))}`);
const growth = resident[3]! / resident[0]! - 1;
const refused = server.lines.filter(({ status }) => status === 503).length;
const requests = server.lines.filter(({ message }) => message === "request").length;
console.log(
  `${(100 * growth).toFixed(1)} % growth; ${requests} requests, ${refused} times 503; exit code ${code}; said: ${server.said() || "nothing"}`,
);
process.exitCode = wrong.length > 0 || growth > 0.05 || code !== 0 || server.said() !== "" ? 1 : 0;
