/**
 * Einsum: the equation is parsed here into numbered labels, so that the kernel sees no text. Labels
 * of the result come first, in the result's order; the others are summed.
 */
import { elementCount } from "../../ir/bytes.ts";
import { DTYPES } from "../../ir/dtype.ts";
import { productScratch } from "../../kernels/matrix-product.ts";
import type { Meaning, OpContext, OperatorTable } from "./types.ts";

/** Dims that "..." stands for are named by their distance from the right: "0", "1", ... */
type Label = string;

const ELLIPSIS = "...";

function splitTerm(n: OpContext, term: string, ellipsisRank: number): Label[] {
  const parts = term.split(ELLIPSIS);
  if (parts.length > 2 || !parts.every((part) => /^[A-Za-z]*$/.test(part)))
    return n.invalid(`term '${term}' of the equation is malformed`);
  const dots = parts.length === 1 ? [] : Array.from({ length: ellipsisRank }, (_, d) => String(ellipsisRank - 1 - d));
  return [...parts[0]!, ...dots, ...(parts[1] ?? "")];
}

/** The labels of every operand, and those of the result. */
function parseEquation(n: OpContext, ranks: readonly number[]): { terms: Label[][]; result: Label[] } {
  const equation = n.string("equation", "").replaceAll(" ", "");
  if (equation === "") return n.invalid("attribute 'equation' is missing");
  const sides = equation.split("->");
  if (sides.length > 2) return n.invalid(`equation '${equation}' has more than one arrow`);
  const texts = sides[0]!.split(",");
  if (texts.length !== ranks.length)
    return n.invalid(`the equation has ${texts.length} terms for ${ranks.length} operands`);
  let widest = 0;
  const terms = texts.map((text, t) => {
    const letters = text.replace(ELLIPSIS, "").length;
    const dots = text.includes(ELLIPSIS) ? ranks[t]! - letters : 0;
    if (dots < 0 || letters + dots !== ranks[t])
      return n.invalid(`term '${text}' does not fit operand ${t} of rank ${ranks[t]}`);
    widest = Math.max(widest, dots);
    return splitTerm(n, text, dots);
  });
  if (sides[1] !== undefined) {
    const result = splitTerm(n, sides[1], widest);
    if (new Set(result).size !== result.length) return n.invalid("a label stands twice in the result");
    return { terms, result };
  }
  // Implicit result: the ellipsis, then every label that stands once, in alphabetical order.
  const counts = new Map<Label, number>();
  for (const label of terms.flat()) counts.set(label, (counts.get(label) ?? 0) + 1);
  const once = [...counts].filter(([label, count]) => count === 1 && /[A-Za-z]/.test(label)).map(([label]) => label);
  const dots = Array.from({ length: widest }, (_, d) => String(widest - 1 - d));
  return { terms, result: [...dots, ...once.sort()] };
}

function sizesOf(n: OpContext, terms: readonly Label[][]): Map<Label, number> {
  const sizes = new Map<Label, number>();
  terms.forEach((labels, t) => {
    const { shape } = n.input(t);
    labels.forEach((label, d) => {
      const [size, known] = [shape[d]!, sizes.get(label)];
      if (known === undefined || known === 1) sizes.set(label, size);
      else if (size !== 1 && size !== known)
        n.invalid(`label '${label}' is ${known} in one operand and ${size} in operand ${t}`);
    });
    // Two dims of one operand under one label must agree even where one of them is 1.
    labels.forEach((label, d) => {
      if (shape[labels.indexOf(label)] !== shape[d])
        n.invalid(`label '${label}' names dims of ${shape[labels.indexOf(label)]} and ${shape[d]} in operand ${t}`);
    });
  });
  return sizes;
}

function einsum(n: OpContext): Meaning {
  if (n.inputs.length === 0) return n.invalid("Einsum needs an operand");
  const operands = n.inputs.map((_, i) => n.input(i));
  const { dtype } = operands[0]!;
  if (operands.some((operand) => operand.dtype !== dtype)) return n.invalid("operands of Einsum must have one dtype");
  if (!["float", "int", "uint"].includes(DTYPES[dtype].class) || DTYPES[dtype].bits < 8)
    return n.invalid(`Einsum does not take ${dtype}`);
  const { terms, result } = parseEquation(
    n,
    operands.map(({ shape }) => shape.length),
  );
  const sizes = sizesOf(n, terms);
  const shape = result.map(
    (label) => sizes.get(label) ?? n.invalid(`label '${label}' of the result stands in no operand`),
  );
  const labels = [...result, ...[...sizes.keys()].filter((label) => !result.includes(label))];
  const numbers = new Map(labels.map((label, i) => [label, i]));
  const all = labels.map((label) => sizes.get(label)!);
  const isProduct = operands.length === 2 && labels.length === result.length + 1;
  return {
    outputs: [{ dtype, shape }],
    attrs: {
      terms: terms.map((own) => own.map((label) => numbers.get(label)!).join(",")).join("|"),
      sizes: all,
      outputRank: result.length,
    },
    flops: operands.length * elementCount(all),
    ...(isProduct && { scratch: [productScratch(Math.max(1, ...shape), Math.max(1, ...shape), all.at(-1)!)] }),
  };
}

/** Einsum of opset 12 on. */
export const einsumOperators: OperatorTable = { Einsum: einsum };
