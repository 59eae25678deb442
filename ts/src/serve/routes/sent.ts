/** An image as a request brings it: as the body, as a part of a form, or as a URL. */
import type { Context } from "hono";
import { parseJson } from "../body.js";
import { type Env, limitsOf, type Server } from "../context.js";
import { badRequest } from "../refusal.js";
import { fetchImage } from "../remote.js";

/** The bytes of the image, and the options beside it: those of the query, and a form's other fields. */
export interface Sent {
  readonly image: Uint8Array<ArrayBuffer>;
  readonly options: ReadonlyMap<string, string>;
}

/** More fields than any route has options. */
const MOST_FIELDS = 32;

/** Throws refusals: 400 for a form without an image or with several, for options that are not in `known`. */
export async function sentImage(
  server: Server,
  c: Context<Env>,
  body: Uint8Array<ArrayBuffer>,
  known: readonly string[],
): Promise<Sent> {
  const options = new Map<string, string>();
  const take = (name: string, value: string) => {
    if (!known.includes(name)) {
      const shown = JSON.stringify(name.slice(0, 60));
      throw badRequest(`There is no option ${shown}; there are ${known.join(", ")}.`);
    }
    if (options.has(name)) throw badRequest(`The option ${name} is given twice.`);
    options.set(name, value);
  };
  for (const [name, value] of new URL(c.req.url).searchParams) take(name, value);
  const type = (c.req.header("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
  if (type === "multipart/form-data") return { image: await fromForm(c, body, take), options };
  if (type === "application/json") return { image: await fromUrl(server, c, body), options };
  if (body.length === 0) throw badRequest("Send an image: as the body, or as a file in a form.");
  return { image: body, options };
}

async function fromForm(
  c: Context<Env>,
  body: Uint8Array<ArrayBuffer>,
  take: (name: string, value: string) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const headers = { "content-type": c.req.header("content-type")! };
  const form = await new Response(body, { headers }).formData().catch(() => {
    throw badRequest(
      "The form cannot be read: it is damaged, or its boundary is not that of its content-type.",
    );
  });
  const fields = [...form];
  if (fields.length > MOST_FIELDS) throw badRequest(`A form has at most ${MOST_FIELDS} fields.`);
  const files = fields.flatMap(([, value]) => (typeof value === "string" ? [] : [value as Blob]));
  for (const [name, value] of fields) {
    if (name === "model") throw badRequest("Which model is asked stands in the URL: ?model=NAME.");
    if (typeof value === "string") take(name, value);
  }
  const [file, ...more] = files;
  if (!file || more.length > 0)
    throw badRequest(
      `A form has one file, the image; this one has ${files.length}. Requests run together, so send several.`,
    );
  return new Uint8Array(await file.arrayBuffer());
}

async function fromUrl(server: Server, c: Context<Env>, body: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const sent = parseJson(body) as { url?: unknown } | null;
  const url = typeof sent === "object" && sent !== null && Object.hasOwn(sent, "url") ? sent.url : undefined;
  if (typeof url !== "string") throw badRequest('JSON for an image is { "url": "https://..." }.');
  const fetched = await fetchImage(url, server.config().urls, limitsOf(server, c));
  c.var.release.push(fetched.release);
  return fetched.bytes;
}
