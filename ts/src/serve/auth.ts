/** Who may ask for what. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { Refusal } from "./refusal.js";

/** Says whether an Authorization header has the token, in a time that tells nothing of how much of it was right. */
export function bearerCheck(token: string): (header: string | null) => boolean {
  // Of digests, which have one length, under a key that nobody else has.
  const key = randomBytes(32);
  const digest = (text: string) => createHash("sha256").update(key).update(text).digest();
  const wanted = digest(token);
  return (header) => timingSafeEqual(digest(/^Bearer +(\S.*)$/i.exec(header ?? "")?.[1] ?? ""), wanted);
}

export const unauthorized = (): Refusal =>
  new Refusal(401, "unauthorized", "This server wants its token: `Authorization: Bearer ...`.", {
    "www-authenticate": "Bearer",
  });

const LOOPBACK = /^(127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3}|localhost)$/;

/** Whether an address is this machine's own. */
export const isLoopback = (address: string): boolean => LOOPBACK.test(address);

/**
 * Whether a request that no token stands behind comes from a person on this machine: from there, under this machine's name (which
 * a page elsewhere cannot say, whatever its DNS), through no proxy, and from no page.
 */
export function isLocal(address: string, headers: Headers): boolean {
  const host = (headers.get("host") ?? "").replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  const foreign = ["origin", "forwarded", "x-forwarded-for", "x-real-ip", "via"];
  return isLoopback(address) && isLoopback(host) && !foreign.some((name) => headers.has(name));
}
