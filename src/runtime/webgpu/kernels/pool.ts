/** Pools over sliding windows, 1-D to 3-D, channels first or last; and over whole planes. */
import { sizeOf } from "../../../kernels/access.ts";
import { flagAttr, intAttr, intsAttr } from "../../../kernels/attributes.ts";
import { larger, plus, rowsPerGroup, teamFor, teamReduction, type Team } from "./row-teams.ts";
import type { CallShape, OperandShape, Ref, WgslCall, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";
import {
  areComputable,
  areFloats,
  convert,
  elementRead,
  elementwise,
  gridOf,
  isShaderFloat,
  largestUnit,
  literal,
  maxOf,
  pointwise,
  scalarOf,
  sumOf,
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

/** Powers are products up to here. */
const MOST_POWER = 16;

const isPower = (p: number): boolean => p >= 1 && p <= MOST_POWER;

/** |v|^p of a whole p. */
function powerOf(v: string, p: number): string {
  if (p === 1) return `abs(${v})`;
  if (p === 2) return `${v} * ${v}`;
  return Array.from({ length: p }, () => `abs(${v})`).join(" * ");
}

const rootOf = (sum: string, p: number): string =>
  p === 1 ? sum : p === 2 ? `sqrt(${sum})` : `pow(${sum}, ${literal(1 / p)})`;

/** NaN wins; seen on the bits, as compilers may take NaN for impossible. */
const nanOf = (v: string): string => `(bitcast<u32>(${v}) & 0x7fffffffu) > 0x7f800000u`;

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

interface Fold {
  readonly label: string;
  /** A unit before it is combined. */
  readonly prepare: (v: string) => string;
  readonly isMax: boolean;
  /** The result out of `total`. */
  readonly finish: string;
}

/** One value a plane, channels first: a team a plane. Written as float32, packed afterwards where need be. */
function foldPlanes(fold: Fold, x: OperandShape, y: OperandShape): WgslCall {
  const count = sizeOf(x.shape.slice(2));
  const rows = sizeOf(x.shape) / count;
  const unit = largestUnit([x.dtype], count) ?? 1;
  const units = count / unit;
  const team: Team = teamFor(rows, units);
  const type = unitType(unit);
  const read = unitRead("x", { input: 0 }, x, unit);
  const isDirect = y.dtype === "float32";
  const writes: Ref = isDirect ? { output: 0 } : { temporary: 0 };
  const { lanes, workgroup } = team;
  const nan =
    unit === 1
      ? nanOf("v")
      : `any((bitcast<vec${unit}<u32>>(v) & vec${unit}<u32>(0x7fffffffu)) > vec${unit}<u32>(0x7f800000u))`;
  const body = fold.isMax ? `odd = odd || ${nan}; some = max(some, v);` : `some += ${fold.prepare("v")};`;
  const start = fold.isMax ? `${type}(bitcast<f32>(minusInfinity))` : `${type}()`;
  const lanesValue = fold.isMax ? maxOf(unit, "some") : sumOf(unit, "some");
  const dispatch: WgslDispatch = {
    label: fold.label,
    writes,
    reads: [read.read],
    workgroupSize: [workgroup, 1, 1],
    workgroups: gridOf(Math.ceil(rows / rowsPerGroup(team))),
    code: `${read.code}
var<private> minusInfinity: u32 = 0xff800000u;
var<private> notANumber: u32 = 0x7fc00000u;
${teamReduction("team_fold", team, fold.isMax ? larger : plus)}
${fold.isMax ? teamReduction("team_odd", team, larger) : ""}
fn kernel(index: i32) {
  let lane = index % ${lanes};
  let own = index / ${lanes};
  let row = min(own, ${rows - 1});
  var some = ${start};
  var odd = false;
  for (var k = lane; k < ${units}; k += ${lanes}) { let v = unit_x(row * ${units} + k); ${body} }
  let total = team_fold(${lanesValue});
  ${fold.isMax ? "let isOdd = team_odd(select(0f, 1f, odd)) > 0f;" : ""}
  if (own < ${rows} && lane == 0) { result[row] = ${fold.isMax ? `select(${fold.finish}, bitcast<f32>(notANumber), isOdd)` : fold.finish}; }
}`,
  };
  return isDirect
    ? { temporaries: [], dispatches: [dispatch] }
    : {
        temporaries: [{ dtype: "float32", shape: y.shape }],
        dispatches: [dispatch, convert(`${fold.label}/pack`, writes, { output: 0 }, y)],
      };
}

const globalPool =
  (foldOf: (call: CallShape, count: number) => Fold | undefined): WgslKernel =>
  (call) => {
    const [x] = call.inputs;
    const [y] = call.outputs;
    if (!x || !y || !areFloats(x, y)) return undefined;
    const fold = foldOf(call, sizeOf(x.shape.slice(2)));
    return fold && foldPlanes(fold, x, y);
  };

/** Channels last: the mean over positions; a few invocations share a unit of channels. */
const globalAverageLast: WgslKernel = ({ inputs: [x], outputs: [y] }) => {
  if (!x || !y || !areFloats(x, y)) return undefined;
  const channels = x.shape.at(-1)!;
  const unit: UnitSize | undefined = largestUnit([x.dtype, y.dtype], channels);
  const positions = sizeOf(x.shape.slice(1, -1));
  // Sums over long planes meet in hidden partial sums.
  const slices = Math.min(64, Math.max(1, Math.floor(positions / 32)));
  const own = unit ?? 1;
  const units = channels / own;
  const total = x.shape[0]! * units;
  const read = unitRead("x", { input: 0 }, x, own);
  const type = unitType(own);
  const partial: OperandShape = { dtype: "float32", shape: [x.shape[0]!, slices, channels] };
  const sums: WgslDispatch = {
    label: "GlobalAveragePoolNHWC/sums",
    writes: { temporary: 0 },
    writeComponents: own,
    reads: [read.read],
    workgroupSize: [64, 1, 1],
    workgroups: gridOf(Math.ceil((total * slices) / 64)),
    code: `${read.code}
fn kernel(index: i32) {
  if (index >= ${total * slices}) { return; }
  let c = index % ${units};
  let slice = (index / ${units}) % ${slices};
  let n = index / ${units * slices};
  var sum = ${type}();
  for (var p = slice; p < ${positions}; p += ${slices}) { sum += unit_x((n * ${positions} + p) * ${units} + c); }
  result[index] = sum;
}`,
  };
  return {
    temporaries: [partial],
    dispatches: [
      sums,
      pointwise({
        label: "GlobalAveragePoolNHWC",
        writes: { output: 0 },
        type: y,
        divisor: channels,
        body(size) {
          const across = channels / size;
          return {
            reads: [unitRead("sums", { temporary: 0 }, partial, size)],
            code: `fn compute(u: i32) -> ${unitType(size)} {
  var sum = ${unitType(size)}();
  for (var s = 0; s < ${slices}; s++) { sum += unit_sums(((u / ${across}) * ${slices} + s) * ${across} + u % ${across}); }
  return sum * ${literal(1 / positions)};
}`,
          };
        },
      }),
    ],
  };
};

export const poolKernels: WgslTable = {
  AveragePool: averagePool(false),
  AveragePoolNHWC: averagePool(true),
  GlobalAveragePool: globalPool((_, count) => ({
    label: "GlobalAveragePool",
    prepare: (v) => v,
    isMax: false,
    finish: `total * ${literal(1 / count)}`,
  })),
  GlobalAveragePoolNHWC: globalAverageLast,
  GlobalLpPool: globalPool(({ attrs }) => {
    const p = intAttr(attrs, "p");
    if (!isPower(p)) return undefined;
    return { label: "GlobalLpPool", prepare: (v) => powerOf(v, p), isMax: false, finish: rootOf("total", p) };
  }),
  GlobalMaxPool: globalPool(() => ({ label: "GlobalMaxPool", prepare: (v) => v, isMax: true, finish: "total" })),
  LpPool: lpPool,
  MaxPool: maxPool(false),
  MaxPoolNHWC: maxPool(true),
};
