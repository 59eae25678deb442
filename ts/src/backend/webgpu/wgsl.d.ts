/** A shader as tsup.config.ts puts it into a file. */
declare module "*.wgsl" {
  /** Without its comments. */
  export const text: string;
}
