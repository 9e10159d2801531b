/** What a family of architectures is: options with defaults, and a function that builds the graph. */
import type { ModelMessage } from "../src/onnx/encode.ts";
import { builder, type Builder } from "./builder.ts";

export type OptionValue = number | string | boolean;

export interface OptionInfo {
  readonly name: string;
  readonly default: OptionValue;
  readonly description: string;
}

export type Options = ReadonlyMap<string, OptionValue>;

export interface Family {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionInfo[];
  /** Options that a preset sets, by preset. */
  readonly presets: Readonly<Record<string, Readonly<Record<string, OptionValue>>>>;
  readonly build: (b: Builder, options: Options) => string;
}

export const COMMON: readonly OptionInfo[] = [
  { name: "weights", default: "seeded", description: "seeded, or none: declared only, for planning" },
  { name: "seed", default: 0, description: "seed of the weights" },
];

export const number = (options: Options, name: string): number => Number(options.get(name));

/** A dim that is symbolic where option `dims` says so. */
export const dim = (options: Options, name: string): number | string =>
  options.get("dims") === "symbolic" ? name : number(options, name);

/** The model of a family with all options set. */
export function buildFamily(family: Family, options: Options): { model: ModelMessage; parameters: number } {
  const b = builder({ weights: options.get("weights") === "none" ? "none" : "seeded", seed: number(options, "seed") });
  const name = family.build(b, options);
  return { model: b.finish(name), parameters: b.parameters() };
}
