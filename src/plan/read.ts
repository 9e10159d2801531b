/** Untrusted text -> Plan: size, syntax, version and schema, each with its own message. What it means is for verify.ts. */
import { invalidPlan, limitExceeded, planVersion } from "../errors.ts";
import { planSchema, type Plan } from "./schema.ts";

const MAX_BYTES = 512 * 1024 * 1024;

/** Throws InputError: `invalid-plan`, `plan-version`, `limit-exceeded`. */
export function readPlan(input: string | Uint8Array, maxBytes = MAX_BYTES): Plan {
  if ((typeof input === "string" ? input.length : input.byteLength) > maxBytes)
    throw limitExceeded("bytes of a plan", maxBytes, undefined);
  let json: unknown;
  try {
    json = JSON.parse(typeof input === "string" ? input : new TextDecoder("utf-8", { fatal: true }).decode(input));
  } catch (error) {
    throw invalidPlan("", error instanceof Error ? error.message : "it is not JSON");
  }
  const version = typeof json === "object" && json !== null && "strata" in json ? json.strata : undefined;
  if (version === undefined) throw invalidPlan("strata", "it is not a plan: it has no version");
  if (version !== 1) throw planVersion(String(version));
  const parsed = planSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw invalidPlan(issue?.path.map(String).join(".") ?? "", issue?.message ?? "it does not fit the schema");
}
