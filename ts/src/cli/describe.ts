/** `convzoo describe`: a network layer by layer. */
import { describe } from "../describe.js";
import { formatSummary, summarize } from "../summarize.js";
import { findEntry } from "../zoo/index.js";
import type { Io } from "./io.js";

/** What `describe` was asked for. */
export interface DescribeRequest {
  readonly model: string;
  /** [C, H, W]; by default the zoo's. */
  readonly input?: readonly number[];
  /** What a GPU would be given is told with "webgpu". */
  readonly device: "wasm" | "webgpu";
  readonly json: boolean;
}

/** Prints the network as PyTorch does, then its summary. Throws `unknown-model`, `bad-shape`, and what `summarize` does. */
export async function describeModel(
  { model, input, device, json }: DescribeRequest,
  io: Io,
): Promise<number> {
  const entry = findEntry(model);
  const size = input ?? entry.input;
  const net = entry.build();
  const summary = device === "webgpu" ? await io.summarize(net, size, { device }) : summarize(net, size);
  const print = describe(net);
  if (json) {
    const { family, year, paper } = entry;
    const record = { name: model, family, year, paper, input: size, ...summary, print };
    io.stdout.write(`${JSON.stringify(record, null, 2)}\n`);
  } else {
    io.stdout.write(`${print}\n\n${model} at ${size.join(" x ")}:\n\n${formatSummary(summary)}\n`);
  }
  return 0;
}
