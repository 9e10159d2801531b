/** The model behind a plan: found, checked by its digest, and its constants by name. */
import { modelMismatch, weightsMissing } from "../errors.ts";
import type { Plan } from "../plan/schema.ts";

/** Constants of a model as src/onnx/import.ts gives them; kept structural so that the runtime needs no importer. */
export type Constants = ReadonlyMap<
  string,
  { readonly source: { readonly kind: "inline" | "external"; bytes(): Uint8Array } | { readonly kind: "strings" } }
>;

/** A reader of constants by name for `Executor.load`. Throws InputError `weights-missing`. */
export const constantReader =
  (constants: Constants) =>
  (name: string): Uint8Array => {
    const data = constants.get(name);
    if (data === undefined || data.source.kind === "strings") throw weightsMissing(name);
    return data.source.bytes();
  };

/** Throws InputError `model-mismatch` where the model's digest is not the plan's. */
export function checkModel(plan: Plan, sha256: string, file: string): void {
  if (plan.model.sha256 !== sha256) throw modelMismatch(file, plan.model.sha256, sha256);
}
