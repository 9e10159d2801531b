/** Targets: the built-in ones, and JSON files of the same schema. */
import { invalidTarget, unknownTarget } from "../errors.ts";
import { nearest } from "../ir/nearest.ts";
import { readBuiltin } from "./builtin.ts";
import { targetSchema, type Target } from "./schema.ts";

export type { Target } from "./schema.ts";

const BUILTIN = [
  "tfjs-wasm",
  "tfjs-cpu",
  "tfjs-webgpu",
  "tpu-v4i",
  "tpu-v4i-16mib",
  "a100-40gb",
  "a800-80gb",
  "h200",
  "rtx-4090",
  "apple-m",
  "mcu-512k",
  "edge-npu",
  "webgpu-offload",
];

/** The built-in targets, in the order of the documentation. */
export const builtinTargets = (): readonly Target[] => BUILTIN.map((name) => checkTarget(readBuiltin(name), name));

/** A target by name. Throws InputError `unknown-target`. */
export function loadTarget(name: string): Target {
  if (!BUILTIN.includes(name)) throw unknownTarget(name, BUILTIN, nearest(name, BUILTIN));
  return checkTarget(readBuiltin(name), name);
}

/** A target from parsed JSON. Throws InputError `invalid-target`. */
export function checkTarget(json: unknown, where: string): Target {
  const parsed = targetSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalidTarget(where, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a target"}`);
  }
  const target = parsed.data;
  const names = target.memories.map((memory) => memory.name);
  if (new Set(names).size !== names.length) throw invalidTarget(where, "two memories have one name");
  for (const name of [
    target.arenaMemory,
    target.weightsMemory,
    ...target.links.flatMap((link) => [link.from, link.to]),
  ]) {
    if (!names.includes(name)) throw invalidTarget(where, `it has no memory '${name}'`);
  }
  return target;
}

/** `target` with the capacities of some memories set. Throws InputError `invalid-target` for a memory that it does not have. */
export function withCapacity(target: Target, capacity: ReadonlyMap<string, number>): Target {
  for (const name of capacity.keys()) {
    if (!target.memories.some((memory) => memory.name === name))
      throw invalidTarget(
        target.name,
        `it has no memory '${name}'; it has ${target.memories.map((memory) => memory.name).join(", ")}`,
      );
  }
  return {
    ...target,
    memories: target.memories.map((memory) => ({ ...memory, bytes: capacity.get(memory.name) ?? memory.bytes })),
  };
}
