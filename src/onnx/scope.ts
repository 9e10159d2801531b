/**
 * Names in reach of a node: those of its own graph, then of the graphs around it (If, Loop and Scan
 * bodies see outward; function bodies do not).
 */
import type { ValueId } from "../ir/types.ts";
import type { AttributeValue, TensorData, ValueInfo } from "./model.ts";

export interface Scope {
  readonly values: Map<string, ValueId>;
  readonly initializers: ReadonlyMap<string, TensorData>;
  readonly declared: ReadonlyMap<string, ValueInfo>;
  readonly outer: Scope | undefined;
  /** Put before the names of values and nodes made here; empty at the top. */
  readonly prefix: string;
  readonly opsets: ReadonlyMap<string, number>;
  /** In a function body: the attributes of the call. */
  readonly call: ReadonlyMap<string, AttributeValue>;
  /** Inlining depth, bounded. */
  readonly depth: number;
}

export const emptyScope = (parts: Pick<Scope, "opsets"> & Partial<Scope>): Scope => ({
  values: new Map(),
  initializers: new Map(),
  declared: new Map(),
  outer: undefined,
  prefix: "",
  call: new Map(),
  depth: 0,
  ...parts,
});

/** Attributes of a node with the references to the function call's attributes put in. */
export function resolveAttributes(
  attributes: ReadonlyMap<string, AttributeValue>,
  scope: Scope,
): ReadonlyMap<string, AttributeValue> {
  if (![...attributes.values()].some((value) => value.kind === "reference")) return attributes;
  const resolved = new Map<string, AttributeValue>();
  for (const [name, value] of attributes) {
    const target = value.kind === "reference" ? scope.call.get(value.to) : value;
    // A reference to an attribute that the call leaves out means that this one is absent too.
    if (target !== undefined) resolved.set(name, target);
  }
  return resolved;
}
