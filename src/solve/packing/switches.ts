/** Parameters with their defaults filled in: every technique is on where the caller says nothing. */
import type { PackingParams } from "./types.ts";

const TECHNIQUES = [
  "hints",
  "units",
  "split",
  "peel",
  "sums",
  "skyline",
  "greedyFits",
  "restarts",
  "squeakyWheel",
  "localSearch",
  "exact",
  "lubyRestarts",
  "forced",
  "spans",
  "ceilings",
  "waste",
  "twins",
  "noGoods",
  "weights",
  "locality",
  "adapt",
] as const satisfies readonly (keyof PackingParams)[];

export type Technique = (typeof TECHNIQUES)[number];
export type Switches = Readonly<Record<Technique, boolean>> & { readonly seed: number };

export function switchesOf(params: PackingParams): Switches {
  const on = Object.fromEntries(TECHNIQUES.map((name) => [name, params[name] !== false])) as Record<Technique, boolean>;
  return { ...on, seed: params.seed ?? 0 };
}
