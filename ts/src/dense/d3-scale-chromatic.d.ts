/** What is used of d3-scale-chromatic, which comes without types: a number from 0 to 1 as a CSS colour. */
declare module "d3-scale-chromatic" {
  export function interpolateViridis(t: number): string;
  export function interpolateMagma(t: number): string;
  export function interpolateInferno(t: number): string;
  export function interpolatePlasma(t: number): string;
  export function interpolateTurbo(t: number): string;
}
