/**
 * Einsum on labelled dims: every operand is a set of strides over all labels, so diagonals,
 * broadcasting and permutations are the same thing. Two operands with one summed label go to the
 * blocked matrix product; everything else is summed directly.
 */
import { DTYPES, isInteger } from "../ir/dtype.ts";
import { bigReader, bigWriter, forEachIndex, reader, sizeOf, stridesOf, writer } from "./access.ts";
import { matrixProduct } from "./matrix-product.ts";
import type { Kernel, KernelTable, Tensor } from "./types.ts";

/**
 * Attributes: `labels`, one list of label numbers an operand joined by "|" in `terms` ("0,1|1,2");
 * labels 0..outputRank-1 are the dims of the result in order, later ones are summed; `sizes` by label.
 */
interface Terms {
  readonly sizes: readonly number[];
  readonly outputRank: number;
  /** Stride of each operand over each label, in elements. */
  readonly strides: readonly (readonly number[])[];
}

function labelStrides(tensor: Tensor, labels: readonly number[], sizes: readonly number[]): number[] {
  const own = stridesOf(tensor.shape);
  const strides = new Array<number>(sizes.length).fill(0);
  // A label that stands twice walks both dims at once: the diagonal. A dim of 1 is repeated.
  labels.forEach((label, d) => {
    if (tensor.shape[d] !== 1) strides[label] = strides[label]! + own[d]!;
  });
  return strides;
}

/** Label numbers of each operand from the attribute: "0,1|1,2", an empty part for a scalar. */
const parseTerms = (terms: string): number[][] =>
  terms.split("|").map((part) => (part === "" ? [] : part.split(",").map(Number)));

function sumFloats(inputs: readonly Tensor[], y: Tensor, { sizes, outputRank, strides }: Terms): void {
  const reads = inputs.map(reader);
  const write = writer(y);
  const outer = strides.map((own) => own.slice(0, outputRank));
  const inner = strides.map((own) => own.slice(outputRank));
  const summed = sizes.slice(outputRank);
  forEachIndex(sizes.slice(0, outputRank), outer, (i, base) => {
    let sum = 0;
    forEachIndex(summed, inner, (_, offsets) => {
      let product = 1;
      for (let t = 0; t < reads.length; t++) product *= reads[t]!(base[t]! + offsets[t]!);
      sum += product;
    });
    write(i, sum);
  });
}

function sumIntegers(inputs: readonly Tensor[], y: Tensor, { sizes, outputRank, strides }: Terms): void {
  const reads = inputs.map(bigReader);
  const write = bigWriter(y);
  const outer = strides.map((own) => own.slice(0, outputRank));
  const inner = strides.map((own) => own.slice(outputRank));
  forEachIndex(sizes.slice(0, outputRank), outer, (i, base) => {
    let sum = 0n;
    forEachIndex(sizes.slice(outputRank), inner, (_, offsets) => {
      let product = 1n;
      for (let t = 0; t < reads.length; t++) product *= reads[t]!(base[t]! + offsets[t]!);
      sum += product;
    });
    write(i, sum);
  });
}

/** The last output label that only operand `own` walks, or undefined: a matrix dim of the product. */
const laneLabel = (own: readonly number[], other: readonly number[], outputRank: number): number | undefined => {
  for (let label = outputRank - 1; label >= 0; label--) if (own[label] !== 0 && other[label] === 0) return label;
  return undefined;
};

const strideAt = (own: readonly number[], label: number | undefined): number => (label === undefined ? 0 : own[label]!);

function sumAsProducts(
  inputs: readonly Tensor[],
  y: Tensor,
  { sizes, outputRank, strides }: Terms,
  scratch: Float64Array,
): void {
  const [a, b] = strides as [readonly number[], readonly number[]];
  const row = laneLabel(a, b, outputRank);
  const column = laneLabel(b, a, outputRank);
  const yStrides = stridesOf(y.shape);
  const size = (label: number | undefined): number => (label === undefined ? 1 : sizes[label]!);
  const write = writer(y);
  // The labels left over are a loop of products.
  const loops = sizes.slice(0, outputRank).map((dim, label) => (label === row || label === column ? 1 : dim));
  forEachIndex(loops, [a.slice(0, outputRank), b.slice(0, outputRank), yStrides], (_, [p = 0, q = 0, to = 0]) => {
    const left = { tensor: inputs[0]!, offset: p, laneStride: strideAt(a, row), depthStride: a[outputRank]! };
    const right = { tensor: inputs[1]!, offset: q, laneStride: strideAt(b, column), depthStride: b[outputRank]! };
    const number = (i: number, j: number, sum: number): void =>
      write(to + i * strideAt(yStrides, row) + j * strideAt(yStrides, column), sum);
    matrixProduct(size(row), size(column), sizes[outputRank]!, left, right, { number }, scratch);
  });
}

const einsum: Kernel = ({ inputs, outputs, attrs }) => {
  const y = outputs[0]!;
  const operands = inputs as readonly Tensor[];
  const sizes = attrs.get("sizes") as readonly number[];
  const outputRank = Number(attrs.get("outputRank"));
  const strides = parseTerms(String(attrs.get("terms"))).map((labels, t) => labelStrides(operands[t]!, labels, sizes));
  const terms = { sizes, outputRank, strides };
  // Products of narrow integers are exact in doubles as long as there are two of them.
  const isExact = !isInteger(y.dtype) || (DTYPES[y.dtype].bits <= 16 && operands.length <= 2);
  if (!isExact) sumIntegers(operands, y, terms);
  else if (operands.length === 2 && sizes.length === outputRank + 1 && sizeOf(y.shape) > 0)
    sumAsProducts(operands, y, terms, outputs.at(-1)!.data as Float64Array);
  else sumFloats(operands, y, terms);
};

export const einsumKernels: KernelTable = { Einsum: einsum };
