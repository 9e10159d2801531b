/** Microsoft's layer norms of sums: of a residual (Skip-), and of the embeddings of tokens (Embed-). */
import { sizeOf } from "../../../kernels/access.ts";
import { numberAttr } from "../../../kernels/elementwise.ts";
import { deviation, rowNorm, square, type RowNorm } from "./row-norm.ts";
import type { OperandShape, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";
import {
  areFloats,
  greatestCommonDivisor,
  pointwise,
  unitRead,
  unitType,
  type UnitRead,
  type UnitSize,
} from "./units.ts";

/** attrs: epsilon, rms. Operands: x, skip, gamma, beta, bias (rms: no beta). Results: y, -, -, x + skip + bias. */
const skipLayerNorm: WgslKernel = ({ inputs, outputs, attrs }) => {
  const rms = attrs.get("rms") === true;
  const [x, skip, gamma] = inputs;
  const [beta, bias] = rms ? [null, inputs[3]] : [inputs[3], inputs[4]];
  const biasAt = rms ? 3 : 4;
  const [y, mean, inverse, sum] = outputs;
  if (!x || !skip || !gamma || mean || inverse || !areFloats(x, skip, gamma, beta, bias, y, sum)) return undefined;
  const count = x.shape.at(-1)!;
  const skipSize = sizeOf(skip.shape);
  const repeats = skipSize !== sizeOf(x.shape);
  const divisor = greatestCommonDivisor(count, skipSize);
  const whole = (unit: UnitSize, overwrite: boolean): { reads: UnitRead[]; code: string } => {
    const reads = [
      unitRead("x", { input: 0 }, x, unit, { overwrite }),
      unitRead("skip", { input: 1 }, skip, unit, { overwrite: overwrite && !repeats }),
      ...(bias ? [unitRead("bias", { input: biasAt }, bias, unit)] : []),
    ];
    const at = repeats ? `u % ${skipSize / unit}` : "u";
    return {
      reads,
      code: `fn whole(u: i32, k: i32) -> ${unitType(unit)} { return unit_x(u) + unit_skip(${at})${bias ? " + unit_bias(k)" : ""}; }`,
    };
  };
  const norm: RowNorm = {
    label: rms ? "SkipSimplifiedLayerNormalization" : "SkipLayerNormalization",
    writes: { output: 0 },
    type: x,
    rows: sizeOf(x.shape) / count,
    count,
    divisor,
    centered: !rms,
    power: square,
    factor: deviation(count, numberAttr(attrs, "epsilon")),
    body(unit) {
      const { reads, code } = whole(unit, true);
      const scale = unitRead("gamma", { input: 2 }, gamma, unit);
      const shift = beta ? unitRead("beta", { input: 3 }, beta, unit) : undefined;
      const type = unitType(unit);
      return {
        reads,
        finishReads: shift ? [scale, shift] : [scale],
        code: `${code}
fn value(row: i32, u: i32) -> ${type} { return whole(row * ${count / unit} + u, u); }`,
        finish: `fn finish(row: i32, u: i32, v: ${type}) -> ${type} { return v * unit_gamma(u)${shift ? " + unit_beta(u)" : ""}; }`,
      };
    },
  };
  const sums = sum
    ? [
        pointwise({
          label: `${norm.label}/sum`,
          writes: { output: 3 },
          type: sum,
          divisor,
          body(unit) {
            const { reads, code } = whole(unit, y === null);
            const units = count / unit;
            return {
              reads,
              code: `${code}\nfn compute(u: i32) -> ${unitType(unit)} { return whole(u, u % ${units}); }`,
            };
          },
        }),
      ]
    : [];
  const main = y ? rowNorm(norm) : { temporaries: [], dispatches: [] };
  return { temporaries: main.temporaries, dispatches: [...sums, ...main.dispatches] };
};

/**
 * Operands: ids, segment ids, word, position, segment tables, gamma, beta, mask, position ids. Results: y,
 * valid length a row, sum of the embeddings.
 */
const embedLayerNorm: WgslKernel = ({ inputs, outputs, attrs }) => {
  const [ids, segmentIds, word, position, segment, gamma, beta, mask, positionIds] = inputs;
  const [y, valid, sum] = outputs;
  if (!ids || !word || !position || !gamma || !beta || !areFloats(word, position, segment, gamma, beta, y, sum))
    return undefined;
  const isIndex = (operand: OperandShape | null | undefined): boolean =>
    !operand || operand.dtype === "int32" || operand.dtype === "int64";
  if (![ids, segmentIds, mask, positionIds].every(isIndex)) return undefined;
  // More operands than every device can bind at once.
  if (segment && segmentIds && positionIds) return undefined;
  const [batch, length] = ids.shape as [number, number];
  const hidden = word.shape[1]!;
  const type: OperandShape = { dtype: word.dtype, shape: [batch, length, hidden] };
  const index = (name: string, input: number, operand: OperandShape): UnitRead => ({
    read: { name, from: { input } },
    code: `fn ${name}_at(i: i32) -> i32 { return i32(${name}[i${operand.dtype === "int64" ? " * 2" : ""}]); }`,
  });
  const whole = (unit: UnitSize): { reads: UnitRead[]; code: string } => {
    const units = hidden / unit;
    const place = positionIds
      ? `positionId_at(${sizeOf(positionIds.shape) === length ? `at % ${length}` : "at"})`
      : `at % ${length}`;
    const third = segment ? ` + unit_segment(${segmentIds ? "segmentId_at(at)" : "0"} * ${units} + u)` : "";
    return {
      reads: [
        index("id", 0, ids),
        unitRead("word", { input: 2 }, word, unit),
        unitRead("position", { input: 3 }, position, unit),
        ...(segment ? [unitRead("segment", { input: 4 }, segment, unit)] : []),
        ...(segment && segmentIds ? [index("segmentId", 1, segmentIds)] : []),
        ...(positionIds ? [index("positionId", 8, positionIds)] : []),
      ],
      code: `fn value(at: i32, u: i32) -> ${unitType(unit)} {
  return unit_word(id_at(at) * ${units} + u) + unit_position(${place} * ${units} + u)${third};
}`,
    };
  };
  const norm: RowNorm = {
    label: "EmbedLayerNormalization",
    writes: { output: 0 },
    type,
    rows: batch * length,
    count: hidden,
    divisor: hidden,
    centered: true,
    power: square,
    factor: deviation(hidden, numberAttr(attrs, "epsilon")),
    body(unit) {
      const { reads, code } = whole(unit);
      return {
        reads,
        code,
        finishReads: [unitRead("gamma", { input: 5 }, gamma, unit), unitRead("beta", { input: 6 }, beta, unit)],
        finish: `fn finish(row: i32, u: i32, v: ${unitType(unit)}) -> ${unitType(unit)} { return v * unit_gamma(u) + unit_beta(u); }`,
      };
    },
  };
  const main = y ? rowNorm(norm) : { temporaries: [], dispatches: [] };
  const lengths: WgslDispatch = {
    label: "EmbedLayerNormalization/mask",
    writes: { output: 1 },
    reads: mask ? [{ name: "mask", from: { input: 7 } }] : [],
    workgroupSize: [64, 1, 1],
    workgroups: [Math.ceil(batch / 64), 1, 1],
    code: `fn kernel(index: i32) {
  if (index >= ${batch}) { return; }
  var count = 0;
  ${mask ? `for (var s = 0; s < ${length}; s++) { if (${maskTest(mask, `index * ${length} + s`)}) { count++; } }` : ""}
  result[index] = count;
}`,
  };
  const sums = pointwise({
    label: "EmbedLayerNormalization/sum",
    writes: { output: 2 },
    type,
    divisor: hidden,
    body(unit) {
      const { reads, code } = whole(unit);
      return {
        reads,
        code: `${code}\nfn compute(i: i32) -> ${unitType(unit)} { return value(i / ${hidden / unit}, i % ${hidden / unit}); }`,
      };
    },
  });
  return {
    temporaries: main.temporaries,
    dispatches: [...(valid ? [lengths] : []), ...(sum ? [sums] : []), ...main.dispatches],
  };
};

const maskTest = (mask: OperandShape, i: string): string =>
  mask.dtype === "int64" ? `(mask[2 * (${i})] | mask[2 * (${i}) + 1]) != 0` : `mask[${i}] != 0`;

export const fusedNormKernels: WgslTable = {
  EmbedLayerNormalization: embedLayerNorm,
  SkipLayerNormalization: skipLayerNorm,
};
