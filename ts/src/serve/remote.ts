/** Images that a request names by URL: only from where the configuration says, and never by a detour. */
import { type Body, type BodyLimits, readBody } from "./body.js";
import { ClientGone, Refusal } from "./refusal.js";

/** Whether a URL begins with one of `allowed`, which are such as `https://images.example.org/cats/`. */
export function isAllowed(url: string, allowed: readonly string[]): boolean {
  if (!URL.canParse(url)) return false;
  // As it is asked for: without `..`, with its host in lower case. Names and passwords in it are nobody's business here.
  const { href, username, password } = new URL(url);
  return !username && !password && allowed.some((start) => href.startsWith(start));
}

/**
 * The bytes behind a URL. Throws 403 for one that is not allowed, 502 for what cannot be had, a redirection among it: it could
 * lead anywhere.
 */
export async function fetchImage(url: string, allowed: readonly string[], limits: BodyLimits): Promise<Body> {
  if (!isAllowed(url, allowed)) {
    const message =
      allowed.length === 0
        ? "This server fetches no URLs; send the image itself."
        : "This server fetches no images from there.";
    throw new Refusal(403, "url-not-allowed", message);
  }
  const failed = (why: string) => new Refusal(502, "fetch-failed", `The image could not be fetched: ${why}.`);
  const response = await fetch(url, {
    redirect: "manual",
    signal: limits.signal,
    credentials: "omit",
    headers: { accept: "image/*", "accept-encoding": "identity" },
  }).catch((error) => {
    throw limits.signal.aborted
      ? limits.signal.reason
      : failed(error instanceof TypeError ? "no answer" : "error");
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw failed(`the answer is ${response.status}`);
  }
  // What fetch gives is decompressed already, so that the limit is on that.
  return readBody(response.body as AsyncIterable<Uint8Array> | null, new Headers(), limits).catch((error) => {
    throw error instanceof ClientGone && !limits.signal.aborted ? failed("it broke off") : error;
  });
}
