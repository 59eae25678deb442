/** A server on this machine that answers as a test says, request by request. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Answers the `nth` request (from 0). */
export type Answer = (request: IncomingMessage, response: ServerResponse, nth: number) => unknown;

export interface TestServer {
  readonly base: string;
  /** The Range header of each request so far, "" where it had none. */
  readonly ranges: string[];
  answer: Answer;
  close(): void;
}

export async function testServer(answer: Answer = (_, response) => response.end()): Promise<TestServer> {
  const server = createServer((request, response) => {
    self.ranges.push(request.headers.range ?? "");
    self.answer(request, response, self.ranges.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const self: TestServer = {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ranges: [],
    answer,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return self;
}

/** Serves a file as a good server does, with a tag and ranges. */
export function serveFile(file: Uint8Array, { etag = '"one"' } = {}): Answer {
  return (request, response) => {
    const from = rangeOf(request, etag);
    if (from > 0) {
      response.writeHead(206, {
        etag,
        "content-length": file.length - from,
        "content-range": `bytes ${from}-${file.length - 1}/${file.length}`,
      });
    } else response.writeHead(200, { etag, "content-length": file.length, "accept-ranges": "bytes" });
    response.end(file.subarray(from));
  };
}

/** Where the part begins that is asked for, if it is of the file that has this tag. */
function rangeOf(request: IncomingMessage, etag: string): number {
  const condition = request.headers["if-range"];
  if (condition !== undefined && condition !== etag) return 0;
  return Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
}

/** Sends headers that promise all of a file, then only its first bytes, and breaks the connection off. */
export function breakOff(
  response: ServerResponse,
  file: Uint8Array,
  count: number,
  headers: Record<string, string> = { etag: '"one"' },
): void {
  response.writeHead(200, { "content-length": file.length, ...headers });
  response.write(file.subarray(0, count), () => setTimeout(() => response.destroy(), 20));
}
