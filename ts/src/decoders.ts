/**
 * The image decoders: a file of its own, which workers import when the first encoded image comes. Self-contained, as the
 * worker is.
 */
export { decodeBytes } from "./image/decode.js";
