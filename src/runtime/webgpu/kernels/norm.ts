/** LayerNormalization and RMSNormalization over trailing dims. */
import { broadcastStrides, sizeOf, stridesOf } from "../../../kernels/access.ts";
import { intAttr } from "../../../kernels/attributes.ts";
import { numberAttr } from "../../../kernels/elementwise.ts";
import { deviation, rowNorm, rowStatistic, square, type RowNorm } from "./row-norm.ts";
import type { OperandShape, WgslCall, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";
import { areFloats, elementRead, unitRead, unitType, type UnitRead, type UnitSize } from "./units.ts";

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

export const normKernels: WgslTable = {
  LayerNormalization: trailingNorm("LayerNormalization", true),
  RMSNormalization: trailingNorm("RMSNormalization", false),
};
