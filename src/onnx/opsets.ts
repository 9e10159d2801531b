/** Versions of operator sets, by domain. */
import { invalidOpset } from "../errors.ts";
import type { RawOpset } from "./decoders/types.ts";
import { exactInt } from "./int64.ts";

/**
 * `ai.onnx` is under `""`. Versions newer than Strata knows pass: only an operator that is not known
 * is refused, by name. Throws InputError `invalid-opset` where a domain has two versions or none.
 */
export function opsetVersions(raws: readonly RawOpset[], where: string): ReadonlyMap<string, number> {
  const versions = new Map<string, number>();
  for (const raw of raws) {
    const domain = raw.domain === "ai.onnx" ? "" : (raw.domain ?? "");
    const version = exactInt(raw.version ?? 0);
    const label = domain === "" ? "ai.onnx" : domain;
    if (version === undefined || version < 1)
      throw invalidOpset(`domain '${label}' is imported without a valid version`, where);
    const before = versions.get(domain);
    if (before !== undefined && before !== version)
      throw invalidOpset(`domain '${label}' is imported at version ${before} and at version ${version}`, where);
    versions.set(domain, version);
  }
  return versions;
}
