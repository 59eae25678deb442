/** How scripts/licences.mjs reads an SPDX expression. */
import { expect, test } from "vitest";
// @ts-expect-error our scripts have no types
import { allows } from "../../../scripts/licences.mjs";

test.each([
  ["MIT", true],
  ["GPL-3.0-only", false],
  ["none", false],
  ["", false],
  ["(MIT OR GPL-3.0-only)", true],
  ["GPL-3.0-only OR ISC", true],
  ["MIT AND GPL-3.0-only", false],
  ["MIT AND ISC", true],
  ["(MIT OR Apache-2.0) AND Unicode-3.0", false],
  ["(GPL-3.0-only OR MIT) AND ISC", true],
  ["Apache-2.0/MIT", true],
  ["(MIT", false],
  ["MIT ISC", false],
])("%s: %s", (expression, wanted) => {
  expect(allows(["ISC", "MIT"], expression)).toBe(wanted);
});
