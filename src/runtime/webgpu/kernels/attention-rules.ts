/** Which scores of an attention are kept, and what is added to them: masks, padding, causal order. */
import { broadcastStrides } from "../../../kernels/access.ts";
import type { AttrValue } from "../../../ir/types.ts";
import type { Attend } from "./attend.ts";
import type { OperandShape } from "./types.ts";
import { areComputable, elementRead, isShaderFloat, literal, type UnitRead } from "./units.ts";

export type Attrs = ReadonlyMap<string, AttrValue>;

/** A numeric attribute. */
export const num = (attrs: Attrs, name: string): number => Number(attrs.get(name));

/** One rule about scores: bindings, functions, and the expressions that they give `isKept` and `biased`. */
export interface Rule {
  readonly reads: readonly UnitRead[];
  readonly code: string;
  /** bool expressions of b, h, i, j that must all hold. */
  readonly kept: readonly string[];
  /** f32 expressions of b, h, i, j that are added. */
  readonly added: readonly string[];
}

export const NO_RULE: Rule = { reads: [], code: "", kept: [], added: [] };

export const joinRules = (rules: readonly Rule[]): Pick<Attend, "reads" | "code"> => {
  const kept = rules.flatMap((rule) => rule.kept);
  const added = rules.flatMap((rule) => rule.added);
  return {
    reads: rules.flatMap((rule) => rule.reads),
    code: `${rules.map((rule) => rule.code).join("\n")}
fn isKept(b: i32, h: i32, i: i32, j: i32) -> bool { return ${kept.map((test) => `(${test})`).join(" && ") || "true"}; }
fn biased(b: i32, h: i32, i: i32, j: i32, score: f32) -> f32 { return ${added.length === 0 ? "score" : `max(${["score", ...added].join(" + ")}, -3.4028234e38f)`}; }`,
  };
};

/** A mask that broadcasts to (batch, head, query, key); keys past its last dim are kept out, unless it repeats. */
export function maskRule(
  input: number,
  mask: OperandShape,
  dims: readonly number[],
  repeats: boolean,
): Rule | undefined {
  if (!areComputable(mask)) return undefined;
  const length = mask.shape.at(-1)!;
  const strides = broadcastStrides(mask.shape, [...dims, length]);
  const isRepeated = repeats && length === 1;
  const names = ["b", "h", "i"];
  const terms = names.flatMap((name, d) => (strides[d] === 0 ? [] : [`${name} * ${strides[d]}`]));
  const at = [...terms, ...(isRepeated ? [] : ["j"])].join(" + ") || "0";
  const inside = isRepeated ? [] : [`j < ${length}`];
  const read = elementRead("mask", { input }, mask);
  if (mask.dtype === "bool") return { reads: [read], code: "", kept: [...inside, `load_mask(${at}) != 0u`], added: [] };
  const value = `f32(load_mask(${at}))`;
  // Minus infinity keeps a key out; seen on the bits, as compilers may take infinities for impossible.
  const finite = isShaderFloat(mask.dtype) ? [`bitcast<u32>(load_mask(${at})) != 0xff800000u`] : [];
  return { reads: [read], code: "", kept: [...inside, ...finite], added: [value] };
}

/** Lengths (batch), ends then starts (2 * batch), or ones and zeros (batch, key) or (batch, query, key). */
function paddingRule(
  input: number,
  mask: OperandShape,
  batches: number,
  keys: number,
  filter: number,
): Rule | undefined {
  if (mask.dtype !== "int32") return undefined;
  const { shape } = mask;
  const read: UnitRead = { read: { name: "padding", from: { input } }, code: "" };
  const rows = shape.length === 3 ? shape[1]! : 1;
  const test =
    shape.length === 1
      ? `j < padding[b]${shape[0] === 2 * batches ? ` && j >= padding[${batches} + b]` : ""}`
      : `padding[(b * ${rows}${rows === 1 ? "" : " + i"}) * ${keys} + j] > 0`;
  const value = Math.max(-3.4028234e38, Math.min(3.4028234e38, filter));
  return { reads: [read], code: "", kept: [], added: [`select(${literal(value)}, 0f, ${test})`] };
}

/** Rules of Microsoft's: an attention bias, a padding mask, causal order. */
export function microsoftRules(
  attrs: Attrs,
  scoreBias: readonly [number, OperandShape | null | undefined],
  padding: readonly [number, OperandShape | null | undefined],
  dims: readonly [number, number, number],
  keys: number,
  past: number,
): Pick<Attend, "reads" | "code" | "isBounded"> | undefined {
  const isCausal = attrs.get("causal") === 1;
  const biasRule = scoreBias[1] ? maskRule(scoreBias[0], scoreBias[1], dims, false) : NO_RULE;
  const padRule = padding[1] ? paddingRule(padding[0], padding[1], dims[0], keys, num(attrs, "maskFilter")) : NO_RULE;
  if (!biasRule || !padRule) return undefined;
  const causal: Rule = isCausal
    ? {
        reads: [],
        code: `fn keyEnd(b: i32, i: i32) -> i32 { return ${past} + i + 1; }`,
        kept: [`j <= ${past} + i`],
        added: [],
      }
    : NO_RULE;
  return { ...joinRules([causal, biasRule, padRule]), isBounded: isCausal };
}
