/** Where the real graphs of the test data are, and sizes for their symbolic dims. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import type { CompileOptions, Model, Tensor } from "../src/index.ts";

const compiled = import.meta.dirname.split(sep).includes("dist");
export const DATA = resolve(import.meta.dirname, compiled ? "../../../shared/data/onnx" : "../../shared/data/onnx");
export const MODELS = join(DATA, "models");

interface Override {
  readonly params?: Readonly<Record<string, number>>;
  readonly inputs?: Readonly<Record<string, readonly number[]>>;
}

const overrides: Readonly<Record<string, Override>> = existsSync(MODELS)
  ? (JSON.parse(readFileSync(join(MODELS, "overrides.json"), "utf8")) as Record<string, Override>)
  : {};

/** A size for a symbolic dim that nothing else binds; `total` is the past and the new tokens. */
function guess(name: string): number {
  if (/total/i.test(name)) return 12;
  if (/past/i.test(name)) return 8;
  if (/seq|token|length/i.test(name)) return 4;
  if (/height|width|dim/i.test(name)) return 32;
  return 1;
}

/** Dims and shapes: from overrides, else from the recorded inputs, else guessed. */
export function bindings(name: string, model: Model, given: readonly (Tensor | null)[]): CompileOptions {
  const { params = {}, inputs = {} } = overrides[name] ?? {};
  const shapes = new Map<string, readonly number[]>(Object.entries(inputs));
  model.graph.inputs.forEach((input, i) => {
    if (given[i] && input.dims?.length === given[i].shape.length) shapes.set(input.name, given[i].shape);
  });
  // Overrides name dims of other tools' inference too: those that no input has bind nothing.
  const named = new Set(model.graph.inputs.flatMap((input) => input.dims ?? []));
  const dims = new Map(Object.entries(params).filter(([dim]) => named.has(dim)));
  for (const input of model.graph.inputs) {
    if (shapes.has(input.name)) continue;
    for (const dim of input.dims ?? [])
      if (typeof dim === "string" && !dims.has(dim) && given.length === 0) dims.set(dim, guess(dim));
    if (input.dims?.includes(null))
      shapes.set(
        input.name,
        input.dims.map((dim) => (typeof dim === "string" ? guess(dim) : (dim ?? 1))),
      );
  }
  return { dims, shapes };
}
