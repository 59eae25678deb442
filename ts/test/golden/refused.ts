/** What tests of bad input share. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import type { ErrorCode } from "../../src/errors.js";
import { convzoo } from "./package.js";

const { ConvzooError } = convzoo;

/** The error that `call` rejects with: of this code, within a second, saying all of `parts`. */
export async function refused(call: () => unknown, code: ErrorCode, ...parts: (string | RegExp)[]) {
  const start = performance.now();
  const error: unknown = await Promise.resolve()
    .then(call)
    .then(
      () => expect.fail(`not refused, though it is ${code}`),
      (error: unknown) => error,
    );
  expect(performance.now() - start).toBeLessThan(1000);
  if (!(error instanceof ConvzooError)) throw error;
  expect(error.code, error.message).toBe(code);
  for (const part of parts) expect(error.message).toMatch(part);
  expect(error.message.length).toBeGreaterThan(20);
  return error;
}

/** A server on this machine whose /page is a page; whatever else it is asked for is not there. */
export async function webServer(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    response.writeHead(request.url === "/page" ? 200 : 404, { "content-type": "text/html" });
    response.end("<!doctype html><title>a page</title>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => void server.close() };
}
