/** Norms over any dims, with no parameters: LpNormalization, MeanVarianceNormalization. */
import { sizeOf, stridesOf } from "../../../kernels/access.ts";
import { intAttr, intsAttr } from "../../../kernels/attributes.ts";
import { rowNorm, square, type RowBody } from "./row-norm.ts";
import type { OperandShape, WgslKernel, WgslTable } from "./types.ts";
import { areFloats, literal, unitRead, unitType, type UnitSize } from "./units.ts";

/** attrs: axis, p. Zero vectors stay zero. */
const lpNorm: WgslKernel = ({ inputs, attrs }) => {
  const [x] = inputs;
  if (!x || !areFloats(x)) return undefined;
  const axis = intAttr(attrs, "axis");
  const p = intAttr(attrs, "p");
  const count = x.shape[axis]!;
  const inner = sizeOf(x.shape.slice(axis + 1));
  const norm = p === 1 ? "total" : "sqrt(total)";
  return rowNorm({
    label: "LpNormalization",
    writes: { output: 0 },
    type: x,
    rows: sizeOf(x.shape) / count,
    count,
    divisor: count,
    centered: false,
    power: p === 1 ? (v) => `abs(${v})` : square,
    factor: `select(0f, 1f / ${norm}, total != 0f)`,
    body: (unit) => plainBody(x, unit, inner === 1 ? `row * ${count / unit} + u` : stridedAt(count, inner, "u")),
    ...(inner === 1
      ? {}
      : {
          strided: {
            at: stridedAt(count, inner, "k"),
            rowOf: `(i / ${count * inner}) * ${inner} + i % ${inner}`,
            stepOf: `(i / ${inner}) % ${count}`,
          },
        }),
  });
};

const stridedAt = (count: number, inner: number, k: string): string =>
  `(row / ${inner}) * ${count * inner} + ${k} * ${inner} + row % ${inner}`;

/** Elements at an index of `row` and `u`, normalised and nothing else. */
const plainBody = (x: OperandShape, unit: UnitSize, at: string): RowBody => ({
  reads: [unitRead("x", { input: 0 }, x, unit, { overwrite: true })],
  code: `fn value(row: i32, u: i32) -> ${unitType(unit)} { return unit_x(${at}); }`,
  finishReads: [],
  finish: `fn finish(row: i32, u: i32, v: ${unitType(unit)}) -> ${unitType(unit)} { return v; }`,
});

/** attrs: axes. Any set of dims; what is kept and what is reduced each count their own index. */
const meanVarianceNorm: WgslKernel = ({ inputs, attrs }) => {
  const [x] = inputs;
  if (!x || !areFloats(x)) return undefined;
  const axes = intsAttr(attrs, "axes");
  const strides = stridesOf(x.shape);
  const dims = x.shape.map((dim, d) => ({ dim, stride: strides[d]!, reduced: axes.includes(d) }));
  const reduced = dims.filter((d) => d.reduced && d.dim > 1);
  const keptDims = dims.filter((d) => !d.reduced && d.dim > 1);
  const count = reduced.reduce((product, { dim }) => product * dim, 1);
  const rows = sizeOf(x.shape) / count;
  const factor = `1f / (sqrt(total * ${literal(1 / count)}) + 1e-9f)`;
  // Reduced dims that end the tensor are rows of it.
  const isTrailing = keptDims.every(({ stride }) => stride >= count);
  const at = `${expand(keptDims, "row")} + ${expand(reduced, "u")}`;
  return rowNorm({
    label: "MeanVarianceNormalization",
    writes: { output: 0 },
    type: x,
    rows,
    count,
    divisor: count,
    centered: true,
    power: square,
    factor,
    body: (unit) => plainBody(x, unit, isTrailing ? `row * ${count / unit} + u` : at),
    ...(isTrailing
      ? {}
      : {
          strided: {
            at: `${expand(keptDims, "row")} + ${expand(reduced, "k")}`,
            rowOf: gather(keptDims),
            stepOf: gather(reduced),
            // Where the last dim is reduced, lanes side by side read what lies side by side.
            inTeams: reduced.at(-1)?.stride === 1,
          },
        }),
  });
};

interface Dim {
  readonly dim: number;
  readonly stride: number;
}

/** Offset in the tensor of an index that counts `dims` in row-major order. */
function expand(dims: readonly Dim[], index: string): string {
  let step = 1;
  const terms: string[] = [];
  for (const [d, { dim, stride }] of [...dims.entries()].reverse()) {
    const whole = step === 1 ? index : `(${index} / ${step})`;
    terms.push(`(${d === 0 ? whole : `${whole} % ${dim}`}) * ${stride}`);
    step *= dim;
  }
  return terms.join(" + ") || "0";
}

/** Index that counts `dims` of flat element `i`. */
function gather(dims: readonly Dim[]): string {
  let step = 1;
  const terms: string[] = [];
  for (const { dim, stride } of [...dims].reverse()) {
    terms.push(`((i / ${stride}) % ${dim}) * ${step}`);
    step *= dim;
  }
  return terms.join(" + ") || "0";
}

export const axesNormKernels: WgslTable = {
  LpNormalization: lpNorm,
  MeanVarianceNormalization: meanVarianceNorm,
};
