/**
 * Runs smoke.mjs in a page that nobody drives, or in a worker of it, and posts the report, or what went wrong. `?threads=N` is
 * that of `load`; with `?bitmap` the photograph is an ImageBitmap; `?from=URL` is the folder, on another origin, that the
 * package comes from, and `?worker=URL` what `init` is told.
 */
import { smoke } from "./smoke.mjs";

const said = [];
for (const name of ["error", "unhandledrejection", "securitypolicyviolation"])
  addEventListener(name, (event) =>
    said.push(`${name}: ${event.message ?? event.reason ?? event.blockedURI}`),
  );

const query = new URLSearchParams(location.search);
try {
  const convzoo = await import(`${query.get("from") ?? "."}/node_modules/convzoo/dist/browser.js`);
  if (query.has("worker")) convzoo.init({ worker: query.get("worker") });
  const blob = await (await fetch("examples/images/bird.png")).blob();
  const report = await smoke(convzoo, {
    threads: query.has("threads") ? Number(query.get("threads")) : undefined,
    digit: "examples/digits/7-0.png",
    photo: query.has("bitmap") ? await createImageBitmap(blob) : blob,
    fixtures: await (await fetch("fixtures.json")).json(),
  });
  report.said = said;
  await fetch("report", { method: "POST", body: JSON.stringify(report) });
} catch (error) {
  await fetch("report", { method: "POST", body: JSON.stringify({ failed: `${error}\n${error.stack}` }) });
}
