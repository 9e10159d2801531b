/** Normalisations over trailing dims: layers, root mean squares, groups of channels, and Microsoft's fused forms. */
import { broadcastStrides, sizeOf, stridesOf } from "../../../kernels/access.ts";
import { intAttr, intsAttr } from "../../../kernels/attributes.ts";
import { numberAttr } from "../../../kernels/elementwise.ts";
import { rowNorm, rowStatistic, type RowBody, type RowNorm } from "./row-norm.ts";
import type { OperandShape, WgslCall, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";
import {
  areFloats,
  elementRead,
  greatestCommonDivisor,
  literal,
  pointwise,
  unitRead,
  unitType,
  type UnitRead,
  type UnitSize,
} from "./units.ts";

const square = (v: string): string => `${v} * ${v}`;

const deviation = (count: number, epsilon: number): string =>
  `inverseSqrt(total * ${literal(1 / count)} + ${literal(epsilon)})`;

/** `fn NAME_of(row, u) -> unit`: an operand that broadcasts to `shape`, whose rows hold `count`. */
function broadcastRead(
  name: string,
  input: number,
  operand: OperandShape,
  shape: readonly number[],
  count: number,
  unit: UnitSize,
): UnitRead {
  const type = unitType(unit);
  const from = { input };
  if (sizeOf(operand.shape) === count) {
    const read = unitRead(name, from, operand, unit);
    return { ...read, code: `${read.code}\nfn ${name}_of(row: i32, u: i32) -> ${type} { return unit_${name}(u); }` };
  }
  const { read, code } = elementRead(name, from, operand);
  const own = broadcastStrides(operand.shape, shape);
  const strides = stridesOf(shape);
  const terms = shape.flatMap((dim, d) => (own[d] === 0 ? [] : [`((i / ${strides[d]}) % ${dim}) * ${own[d]}`]));
  const elements = Array.from({ length: unit }, (_, e) => `load_${name}(${name}_at(first + ${e}))`);
  return {
    read,
    code: `${code}
fn ${name}_at(i: i32) -> i32 { return ${terms.join(" + ") || "0"}; }
fn ${name}_of(row: i32, u: i32) -> ${type} { let first = row * ${count} + u * ${unit}; return ${type}(${elements.join(", ")}); }`,
  };
}

/** Shared by LayerNormalization and RMSNormalization: scale, and perhaps a bias, over the trailing dims. */
function trailingNorm(label: string, centered: boolean): WgslKernel {
  return ({ inputs, outputs, attrs }): WgslCall | undefined => {
    const [x, scale] = inputs;
    const bias = centered ? inputs[2] : null;
    if (!x || !scale || !areFloats(x, scale, bias)) return undefined;
    const [y] = outputs;
    const [mean, inverse] = centered ? [outputs[1], outputs[2]] : [null, outputs[1]];
    if ([mean, inverse].some((statistic) => statistic && statistic.dtype !== "float32")) return undefined;
    if (y && y.dtype !== x.dtype) return undefined;
    const count = sizeOf(x.shape.slice(intAttr(attrs, "axis")));
    const norm: RowNorm = {
      label,
      writes: { output: 0 },
      type: x,
      rows: sizeOf(x.shape) / count,
      count,
      divisor: count,
      centered,
      power: square,
      factor: deviation(count, numberAttr(attrs, "epsilon")),
      body(unit) {
        const operand = unitRead("x", { input: 0 }, x, unit, { overwrite: true });
        const factor = broadcastRead("scale", 1, scale, x.shape, count, unit);
        const shift = bias ? broadcastRead("bias", 2, bias, x.shape, count, unit) : undefined;
        const type = unitType(unit);
        return {
          reads: [operand],
          finishReads: shift ? [factor, shift] : [factor],
          code: `fn value(row: i32, u: i32) -> ${type} { return unit_x(row * ${count / unit} + u); }`,
          finish: `fn finish(row: i32, u: i32, v: ${type}) -> ${type} { return v * scale_of(row, u)${shift ? " + bias_of(row, u)" : ""}; }`,
        };
      },
    };
    const statistics: WgslDispatch[] = [
      ...(mean ? [rowStatistic(norm, "mean", { output: 1 })] : []),
      ...(inverse ? [rowStatistic(norm, "factor", { output: centered ? 2 : 1 })] : []),
    ];
    const main = y ? rowNorm(norm) : { temporaries: [], dispatches: [] };
    // The operand is read by all: the dispatch that may overwrite it comes last.
    return { temporaries: main.temporaries, dispatches: [...statistics, ...main.dispatches] };
  };
}

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

/** attrs: groups, epsilon, per_channel. Serves Instance- and GroupNormalization. */
const groupNorm: WgslKernel = ({ inputs, attrs }) => {
  const [x, scale, bias] = inputs;
  if (!x || !scale || !bias || !areFloats(x, scale, bias)) return undefined;
  const groups = intAttr(attrs, "groups");
  const inner = sizeOf(x.shape.slice(2));
  const perGroup = x.shape[1]! / groups;
  const count = perGroup * inner;
  const perChannel = attrs.get("per_channel") === true;
  return rowNorm({
    label: "GroupNormalization",
    writes: { output: 0 },
    type: x,
    rows: x.shape[0]! * groups,
    count,
    // A unit lies in one channel, so that its scale is one number.
    divisor: perChannel ? inner : count,
    centered: true,
    power: square,
    factor: deviation(count, numberAttr(attrs, "epsilon")),
    body(unit) {
      const type = unitType(unit);
      const channel = perChannel
        ? `(row % ${groups}) * ${perGroup}${perGroup === 1 ? "" : ` + u / ${inner / unit}`}`
        : `row % ${groups}`;
      return {
        reads: [unitRead("x", { input: 0 }, x, unit, { overwrite: true })],
        code: `fn value(row: i32, u: i32) -> ${type} { return unit_x(row * ${count / unit} + u); }`,
        finishReads: [elementRead("scale", { input: 1 }, scale), elementRead("bias", { input: 2 }, bias)],
        finish: `fn finish(row: i32, u: i32, v: ${type}) -> ${type} {
  let channel = ${channel};
  return v * load_scale(channel) + load_bias(channel);
}`,
      };
    },
  });
};

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

/** attrs: epsilon. Operands: x, scale, bias, mean, variance. Channels are dim 1, or the last. */
function batchNorm(last: boolean): WgslKernel {
  return ({ inputs, attrs }) => {
    const [x, ...parameters] = inputs;
    const names = ["scale", "bias", "mean", "variance"];
    if (!x || parameters.length < 4 || !areFloats(x, ...parameters)) return undefined;
    const channels = last ? x.shape.at(-1)! : (x.shape[1] ?? 1);
    const inner = last ? 1 : sizeOf(x.shape.slice(2));
    const epsilon = literal(numberAttr(attrs, "epsilon"));
    return {
      temporaries: [],
      dispatches: [
        pointwise({
          label: last ? "BatchNormalizationNHWC" : "BatchNormalization",
          writes: { output: 0 },
          type: x,
          divisor: last ? channels : inner,
          body(unit) {
            const reads = names.map((name, i) =>
              last
                ? unitRead(name, { input: i + 1 }, parameters[i]!, unit)
                : elementRead(name, { input: i + 1 }, parameters[i]!),
            );
            const load = last ? "unit" : "load";
            const channel = last ? `u % ${channels / unit}` : `(u / ${inner / unit}) % ${channels}`;
            return {
              reads: [unitRead("x", { input: 0 }, x, unit, { overwrite: true }), ...reads],
              code: `fn compute(u: i32) -> ${unitType(unit)} {
  let c = ${channel};
  let factor = ${load}_scale(c) * inverseSqrt(${load}_variance(c) + ${epsilon});
  return (unit_x(u) - ${load}_mean(c)) * factor + ${load}_bias(c);
}`,
            };
          },
        }),
      ],
    };
  };
}

/** attrs: alpha, beta, bias, size. */
const lrn: WgslKernel = ({ inputs, attrs }) => {
  const [x] = inputs;
  if (!x || !areFloats(x)) return undefined;
  const [alpha, beta, bias] = ["alpha", "beta", "bias"].map((name) => numberAttr(attrs, name)) as [
    number,
    number,
    number,
  ];
  const size = intAttr(attrs, "size");
  const channels = x.shape[1]!;
  const inner = sizeOf(x.shape.slice(2));
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  return {
    temporaries: [],
    dispatches: [
      pointwise({
        label: "LRN",
        writes: { output: 0 },
        type: x,
        divisor: inner,
        body(unit) {
          const plane = inner / unit;
          const type = unitType(unit);
          // The power of a positive base by its logarithm; exact powers by multiplication and roots.
          const power = beta === 0.75 ? "sqrt(base) * sqrt(sqrt(base))" : `pow(base, ${type}(${literal(beta)}))`;
          return {
            reads: [unitRead("x", { input: 0 }, x, unit)],
            code: `fn compute(u: i32) -> ${type} {
  let c = (u / ${plane}) % ${channels};
  var sum = ${type}();
  for (var k = max(0, c - ${before}); k <= min(${channels - 1}, c + ${after}); k++) {
    let v = unit_x(u + (k - c) * ${plane});
    sum += v * v;
  }
  let base = ${literal(bias)} + ${literal(alpha / size)} * sum;
  return unit_x(u) / (${power});
}`,
          };
        },
      }),
    ],
  };
};

export const normKernels: WgslTable = {
  BatchNormalization: batchNorm(false),
  BatchNormalizationNHWC: batchNorm(true),
  EmbedLayerNormalization: embedLayerNorm,
  GroupNormalization: groupNorm,
  LayerNormalization: trailingNorm("LayerNormalization", true),
  LpNormalization: lpNorm,
  LRN: lrn,
  MeanVarianceNormalization: meanVarianceNorm,
  RMSNormalization: trailingNorm("RMSNormalization", false),
  SkipLayerNormalization: skipLayerNorm,
};
