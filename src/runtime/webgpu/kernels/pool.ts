/** Pools over sliding windows, 1-D to 3-D, channels first or last. */
import { sizeOf } from "../../../kernels/access.ts";
import { flagAttr, intAttr, intsAttr } from "../../../kernels/attributes.ts";
import { isPower, nanOf, powerOf, rootOf } from "./pool-arithmetic.ts";
import type { CallShape, OperandShape, WgslCall, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";
import {
  areComputable,
  areFloats,
  elementRead,
  elementwise,
  gridOf,
  isShaderFloat,
  largestUnit,
  pointwise,
  scalarOf,
  unitRead,
  unitType,
  type UnitSize,
} from "./units.ts";
import { coordinates, overTaps, tapCount, type Window } from "./windows.ts";

const spatial = (shape: readonly number[], last: boolean): readonly number[] =>
  last ? shape.slice(1, -1) : shape.slice(2);

function windowOf({ attrs }: CallShape, x: OperandShape, y: OperandShape, last: boolean): Window {
  const input = spatial(x.shape, last);
  return {
    input,
    output: spatial(y.shape, last),
    kernel: intsAttr(attrs, "kernel_shape"),
    strides: intsAttr(attrs, "strides"),
    pads: intsAttr(attrs, "pads").slice(0, input.length),
    dilations: intsAttr(attrs, "dilations"),
  };
}

/** Taps are loops in one invocation: very large windows are the host's. */
const MOST_TAPS = 1 << 16;

/**
 * Code that puts the coordinates of output unit `u` in o0, o1, ... and the unit at spatial offset 0 of its
 * plane in `base`. Channels last, units lie along channels; else a unit is one element.
 */
function place(w: Window, last: boolean, channelUnits: number): string {
  const positions = sizeOf(w.output);
  const plane = sizeOf(w.input);
  return last
    ? `let c = u % ${channelUnits};
let p = (u / ${channelUnits}) % ${positions};
let base = (u / ${channelUnits * positions}) * ${plane * channelUnits} + c;
${coordinates("o", "p", w.output)}`
    : `let p = u % ${positions};
let base = (u / ${positions}) * ${plane};
${coordinates("o", "p", w.output)}`;
}

const unitAt = (last: boolean, channelUnits: number): string => (last ? `base + at * ${channelUnits}` : "base + at");

/** A pool of floats: `begin`, `step` (sees unit `v`) and `end` (an expression). */
function floatPool(
  call: CallShape,
  label: string,
  last: boolean,
  parts: (unit: UnitSize, w: Window) => { readonly begin: string; readonly step: string; readonly end: string },
): WgslCall | undefined {
  const [x] = call.inputs;
  const [y] = call.outputs;
  if (!x || !y || !areFloats(x, y)) return undefined;
  const w = windowOf(call, x, y, last);
  if (tapCount(w) > MOST_TAPS) return undefined;
  const channels = last ? x.shape.at(-1)! : 1;
  return {
    temporaries: [],
    dispatches: [
      pointwise({
        label,
        writes: { output: 0 },
        type: y,
        divisor: channels,
        body(unit) {
          const { begin, step, end } = parts(unit, w);
          const units = channels / unit;
          return {
            reads: [unitRead("x", { input: 0 }, x, unit)],
            code: `fn compute(u: i32) -> ${unitType(unit)} {
${place(w, last, units)}
${begin}
${overTaps(w, `let v = unit_x(${unitAt(last, units)}); ${step}`)}
return ${end};
}`,
          };
        },
      }),
    ],
  };
}

/** attrs also: count_include_pad. */
const averagePool =
  (last: boolean): WgslKernel =>
  (call) => {
    const isPadded = flagAttr(call.attrs, "count_include_pad");
    const ends = intsAttr(call.attrs, "pads");
    return floatPool(call, last ? "AveragePoolNHWC" : "AveragePool", last, (unit, w) => {
      const rank = w.input.length;
      // Taps in the padded input: ceil_mode may reach past it.
      const inPadded = w.output
        .map((_, d) => {
          const room = w.input[d]! + w.pads[d]! + ends[d + rank]!;
          return `clamp((${room - 1} - o${d} * ${w.strides[d]}) / ${w.dilations[d]} + 1, 0, ${w.kernel[d]})`;
        })
        .join(" * ");
      return {
        begin: `var sum = ${unitType(unit)}(); var count = 0;`,
        step: `sum += v; count++;`,
        end: `sum * (1f / f32(${isPadded ? inPadded : "count"}))`,
      };
    });
  };

/** attrs also: p. */
const lpPool: WgslKernel = (call) => {
  const p = intAttr(call.attrs, "p");
  if (!isPower(p)) return undefined;
  return floatPool(call, "LpPool", false, (unit) => {
    const type = unitType(unit);
    return {
      begin: `var sum = ${type}();`,
      step: `sum += ${powerOf("v", p)};`,
      end: rootOf("sum", p),
    };
  });
};

/** A window's first largest element: `best`, and its offset in the plane `found` (-1: none). */
function largestTap(w: Window, dtype: OperandShape["dtype"], last: boolean, channels: number): string {
  const scalar = scalarOf(dtype);
  const isFloat = isShaderFloat(dtype);
  const first = `found < 0 || ${isFloat ? `(!(${nanOf("best")}) && (v > best || ${nanOf("v")}))` : "v > best"}`;
  return `${place(w, last, channels)}
var found = -1;
var best = ${isFloat ? "bitcast<f32>(minusInfinity)" : `${scalar}(0)`};
${overTaps(w, `let v = load_x(${unitAt(last, channels)}); if (${first}) { best = v; found = at; }`)}`;
}

/** attrs also: column_major. Results: maxima, their flat indices (int64). */
const maxPool =
  (last: boolean): WgslKernel =>
  (call) => {
    const [x] = call.inputs;
    const [y, indices] = call.outputs;
    const shown = y ?? indices;
    if (!x || !shown || !areComputable(x) || (y && y.dtype !== x.dtype)) return undefined;
    const w = windowOf(call, x, shown, last);
    // A window in padding alone: what the reference writes depends on the type.
    if (tapCount(w) > MOST_TAPS || hasEmptyWindow(w)) return undefined;
    const channels = last ? x.shape.at(-1)! : 1;
    const label = last ? "MaxPoolNHWC" : "MaxPool";
    const scalar = scalarOf(x.dtype);
    const read = elementRead("x", { input: 0 }, x);
    const infinity = "var<private> minusInfinity: u32 = 0xff800000u;";
    const dispatches: WgslDispatch[] = [];
    if (y && last && isShaderFloat(x.dtype) && largestUnit([x.dtype], channels) !== undefined)
      dispatches.push(maxUnits(label, x, y, w));
    else if (y)
      dispatches.push(
        elementwise({
          label,
          writes: { output: 0 },
          type: y,
          reads: [read],
          code: `${infinity}\nfn element(u: i32) -> ${scalar} { ${largestTap(w, x.dtype, last, channels)} return best; }`,
        }),
      );
    if (indices) {
      if (indices.dtype !== "int64") return undefined;
      const size = sizeOf(indices.shape);
      const positions = sizeOf(w.output);
      const plane = last ? `(u / ${positions * channels}) * ${channels} + u % ${channels}` : `u / ${positions}`;
      const offset = flagAttr(call.attrs, "column_major") ? columnMajor(w.input) : "found";
      dispatches.push({
        label: `${label}/indices`,
        writes: { output: 1 },
        writeComponents: 2,
        reads: [read.read],
        workgroupSize: [64, 1, 1],
        workgroups: gridOf(Math.ceil(size / 64)),
        code: `${infinity}\n${read.code}
fn kernel(u: i32) {
  if (u >= ${size}) { return; }
  ${largestTap(w, x.dtype, last, channels)}
  result[u] = vec2<i32>((${plane}) * ${sizeOf(w.input)} + ${offset}, 0);
}`,
      });
    }
    return { temporaries: [], dispatches };
  };

/** Column-major rank of offset `found`. */
function columnMajor(input: readonly number[]): string {
  const terms = input.map((dim, d) => {
    const stride = sizeOf(input.slice(d + 1));
    return `((found / ${stride}) % ${dim}) * ${sizeOf(input.slice(0, d))}`;
  });
  return terms.join(" + ");
}

/** Channels last: a unit of channels at a time. */
function maxUnits(label: string, x: OperandShape, y: OperandShape, w: Window): WgslDispatch {
  const channels = x.shape.at(-1)!;
  return pointwise({
    label,
    writes: { output: 0 },
    type: y,
    divisor: channels,
    body(unit) {
      const type = unitType(unit);
      const bits = unit === 1 ? "u32" : `vec${unit}<u32>`;
      const spread = (v: string): string => `${bits}(${v})`;
      const isNan = (v: string): string =>
        `(bitcast<${bits}>(${v}) & ${spread("0x7fffffffu")}) > ${spread("0x7f800000u")}`;
      const units = channels / unit;
      return {
        reads: [unitRead("x", { input: 0 }, x, unit)],
        code: `var<private> minusInfinity: u32 = 0xff800000u;
fn compute(u: i32) -> ${type} {
${place(w, true, units)}
var best = bitcast<${type}>(${spread("minusInfinity")});
${overTaps(w, `let v = unit_x(${unitAt(true, units)}); best = select(select(max(best, v), v, ${isNan("v")}), best, ${isNan("best")});`)}
return best;
}`,
      };
    },
  });
}

function hasEmptyWindow(w: Window): boolean {
  return w.output.some((size, d) => {
    for (let o = 0; o < size; o++) {
      let inside = false;
      for (let k = 0; k < w.kernel[d]! && !inside; k++) {
        const i = o * w.strides[d]! - w.pads[d]! + k * w.dilations[d]!;
        inside = i >= 0 && i < w.input[d]!;
      }
      if (!inside) return true;
    }
    return false;
  });
}

export const poolKernels: WgslTable = {
  AveragePool: averagePool(false),
  AveragePoolNHWC: averagePool(true),
  LpPool: lpPool,
  MaxPool: maxPool(false),
  MaxPoolNHWC: maxPool(true),
};
