/**
 * The image decoders: a file of its own, which workers import when the first encoded image comes. Self-contained, as the
 * worker is.
 */
import { decodeBytes } from "./image/decode.js";

export { decodeBytes };

// Parcel makes a script of what a URL names, and a script exports nothing.
(globalThis as { convzooDecoders?: object }).convzooDecoders = { decodeBytes };
