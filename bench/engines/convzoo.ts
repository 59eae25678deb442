/** The built package, as a user has it: the call into the worker and back is in the time. */
import { readFileSync } from "node:fs";
import { measure, settings } from "../case.js";

const wanted = settings();
await measure(wanted, async ({ net, weights, input }) => {
  const { load } = (await import("convzoo")) as typeof import("../../ts/src/node.js");
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const model = await load(net, { weights, threads: wanted.threads });
  return {
    engine: "convzoo",
    version,
    how: `${model.core}, ${model.threads} threads`,
    run: async () => (await model.run(input)).data,
    end: () => model.dispose(),
  };
});
