/** A reporter for scripts/test.mjs: Vitest's own JSON does not hold why a test was skipped. */
import { writeFileSync } from "node:fs";

/** What went wrong, the difference where there is one, and where in our own files. */
function messageOf({ message, diff, stack = "" }) {
  const ours = stack
    .split("\n")
    .filter((line) => /^\s+at .*:\d+:\d+/.test(line) && !line.includes("node_modules"));
  return [message, diff, ...ours].filter(Boolean).join("\n");
}

export default class Results {
  onTestRunEnd(modules, unhandled) {
    const tests = [];
    const failed = (name, errors) =>
      tests.push({ name, state: "failed", why: errors.map(messageOf).join("\n") });
    for (const module of modules) {
      const file = module.relativeModuleId;
      for (const test of module.children.allTests()) {
        const { state, errors, note } = test.result();
        const name = `${file} > ${test.fullName}`;
        if (state === "failed") failed(name, errors);
        else tests.push({ name, state, why: note ?? name });
      }
      // A file that does not load, or a hook that fails, has no test to carry the error.
      if (module.errors().length > 0) failed(file, module.errors());
      for (const suite of module.children.allSuites()) {
        if (suite.errors().length > 0) failed(`${file} > ${suite.fullName}`, suite.errors());
      }
    }
    if (unhandled.length > 0) failed("errors outside of any test", unhandled);
    writeFileSync(process.env.CONVZOO_RESULTS, JSON.stringify(tests));
  }
}
