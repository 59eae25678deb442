/** A .wasm as tsup.config.ts puts it into a file. */
declare module "*.wasm" {
  /** Compressed, in base64. */
  export const gzipped: string;
}
