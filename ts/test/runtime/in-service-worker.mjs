/** Runs smoke.mjs in a service worker, into which it is bundled with the package, and posts the report, or what went wrong. */
import * as convzoo from "convzoo";
import { smoke } from "./smoke.mjs";

async function run(given) {
  try {
    const body = await (await fetch("fixtures.json")).json();
    const report = await smoke(convzoo, {
      ...given,
      threads: 2,
      fixtures: body,
      digit: "examples/digits/7-0.png",
      photo: await (await fetch("examples/images/bird.png")).blob(),
    });
    return { ...report, said: [] };
  } catch (error) {
    return { failed: `${error}\n${error.stack}` };
  }
}

addEventListener("message", (event) => {
  const work = run(event.data).then((report) =>
    fetch("report", { method: "POST", body: JSON.stringify(report) }),
  );
  event.waitUntil(work);
});
