/**
 * Resize. Along each dim, the input positions that count and their weights come from a formula in
 * whole numbers where one gives the same as doubles do, else from a table that a first dispatch writes.
 */
import { DTYPES, isFloat } from "../../../ir/dtype.ts";
import { sizeOf, stridesOf } from "../../../kernels/access.ts";
import { flagAttr, intsAttr, textAttr } from "../../../kernels/attributes.ts";
import { numberAttr } from "../../../kernels/elementwise.ts";
import { elementwise, isElement } from "./elementwise.ts";
import { floatBits, floatLiteral, invocations } from "./grid.ts";
import { move, unitBits, unitElements } from "./moves.ts";
import type { CallShape, OperandShape, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";

/** Most words of a table. */
const MOST_WORDS = 1 << 14;

interface Dim {
  readonly input: number;
  readonly output: number;
  readonly scale: number;
}

/** Where output position `o` lies in the input; undefined for modes that the host computes. */
function coordinateOf(mode: string, { input, output, scale }: Dim): ((o: number) => number) | undefined {
  switch (mode) {
    case "asymmetric":
      return (o) => o / scale;
    case "half_pixel":
      return (o) => (o + 0.5) / scale - 0.5;
    case "pytorch_half_pixel":
      return (o) => (scale * input === 1 ? -0.5 : (o + 0.5) / scale - 0.5);
    case "half_pixel_symmetric":
      return (o) => (input / 2) * (1 - output / (scale * input)) + (o + 0.5) / scale - 0.5;
    case "align_corners":
      return (o) => (scale * input === 1 ? 0 : (o * (input - 1)) / (scale * input - 1));
    case "tf_half_pixel_for_nn":
      return (o) => (o + 0.5) / scale;
    default:
      return undefined;
  }
}

const NEAREST: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** A position (step * o + start) / divisor, all whole. */
interface Line {
  readonly step: number;
  readonly start: number;
  readonly divisor: number;
}

/** The line through a dim's positions, to within what doubles hold, or undefined. */
function lineOf(coordinate: (o: number) => number, { input, output, scale }: Dim): Line | undefined {
  const [first, second] = [coordinate(0), coordinate(1)];
  const scaled = Math.round(scale * input);
  for (const divisor of [2, 4, 8, 2 * output, 2 * scaled, 2 * (output - 1), 2 * (scaled - 1)]) {
    if (divisor < 2) continue;
    const step = Math.round((second - first) * divisor);
    const start = Math.round(first * divisor);
    const off = Math.abs(step / divisor - (second - first)) * output + Math.abs(start / divisor - first);
    if (off < 1e-9 && Math.abs(step) * output + Math.abs(start) < 2 ** 29) return { step, start, divisor };
  }
  return undefined;
}

/** WGSL functions of one dim. */
interface Taps {
  readonly count: number;
  /** WGSL of `position_D(o: i32, t: i32) -> i32` and `weight_D(o: i32, t: i32) -> f32`. */
  readonly functions: (d: number) => string;
}

const FLOOR = "fn floored(n: i32, d: i32) -> i32 { return select(n / d, -((d - 1 - n) / d), n < 0); }";

const clamped = (text: string, { input }: Dim): string => `clamp(${text}, 0, ${input - 1})`;

/** Table words of one dim: positions, then weights. */
interface Table {
  readonly positions: number[];
  readonly weights: number[];
  readonly count: number;
}

const fromTable = ({ count, positions }: Table, base: number): Taps => ({
  count,
  functions: (d) => `fn position_${d}(o: i32, t: i32) -> i32 { return TABLE(${base} + o * ${count} + t); }
fn weight_${d}(o: i32, t: i32) -> f32 { return bitcast<f32>(TABLE(${base + positions.length} + o * ${count} + t)); }`,
});

/** Exact positions of the nearest mode; a formula where it agrees with all of them. */
function nearestTaps(
  positions: readonly number[],
  line: Line | undefined,
  rounding: string,
  dim: Dim,
): Taps | undefined {
  if (line === undefined) return undefined;
  const { step, start, divisor } = line;
  const added: Readonly<Record<string, readonly [number, number]>> = {
    floor: [1, 0],
    ceil: [1, divisor - 1],
    round_prefer_ceil: [2, divisor],
    round_prefer_floor: [2, divisor - 1],
  };
  const [times, more] = added[rounding]!;
  const agrees = positions.every((at, o) => {
    const value = Math.floor((times * (step * o + start) + more) / (times * divisor));
    return at === Math.min(Math.max(value, 0), dim.input - 1);
  });
  if (!agrees) return undefined;
  const text = `floored(o * ${times * step} + (${times * start + more}), ${times * divisor})`;
  return { count: 1, functions: (d) => `fn position_${d}(o: i32, t: i32) -> i32 { return ${clamped(text, dim)}; }` };
}

/** Two neighbours by a formula. */
const linearTaps = ({ step, start, divisor }: Line, dim: Dim): Taps => {
  const numerator = `(o * ${step} + (${start}))`;
  return {
    count: 2,
    functions: (
      d,
    ) => `fn position_${d}(o: i32, t: i32) -> i32 { return ${clamped(`floored(${numerator}, ${divisor}) + t`, dim)}; }
fn weight_${d}(o: i32, t: i32) -> f32 {
  let rest = ${numerator} - floored(${numerator}, ${divisor}) * ${divisor};
  return f32(select(${divisor} - rest, rest, t == 1)) * ${floatLiteral(1 / divisor)};
}`,
  };
};

const cubic = (distance: number, a: number): number => {
  const x = Math.abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
};

/** Positions and weights of linear and cubic filters. Antialiasing widens the filter when the image shrinks. */
function filterTable(
  { attrs }: CallShape,
  coordinate: (o: number) => number,
  { input, output, scale }: Dim,
  isCubic: boolean,
): Table {
  const a = numberAttr(attrs, "cubic_a");
  const stretch = flagAttr(attrs, "antialias") ? Math.min(scale, 1) : 1;
  const excludes = flagAttr(attrs, "exclude_outside");
  const first = Math.floor(-(isCubic ? 2 : 1) / stretch) + 1;
  const count = 2 - 2 * first;
  const positions: number[] = [];
  const weights: number[] = [];
  for (let o = 0; o < output; o++) {
    const x = coordinate(o);
    const base = Number.isInteger(x) ? x - 1 : Math.floor(x);
    const own = Array.from({ length: count }, (_, t) => {
      const at = base + first + t;
      const distance = (at - x) * stretch;
      positions.push(Math.min(Math.max(at, 0), input - 1));
      if (excludes && (at < 0 || at >= input)) return 0;
      return isCubic ? cubic(distance, a) : Math.max(0, 1 - Math.abs(distance));
    });
    const sum = stretch < 1 || excludes ? own.reduce((total, weight) => total + weight, 0) : 1;
    weights.push(...own.map((weight) => weight / sum));
  }
  return { positions, weights, count };
}

interface Plan {
  /** Of dims that change; null for others. */
  readonly taps: readonly (Taps | null)[];
  /** Words of the tables. */
  readonly words: readonly number[];
}

function planOf(call: CallShape, x: OperandShape, y: OperandShape): Plan | undefined {
  const { attrs } = call;
  const scales = attrs.get("scales") as readonly number[];
  const mode = textAttr(attrs, "mode");
  const rounding = textAttr(attrs, "nearest");
  const words: number[] = [];
  const taps: (Taps | null)[] = [];
  for (const [d, input] of x.shape.entries()) {
    const dim = { input, output: y.shape[d]!, scale: Number(scales[d]) };
    const coordinate = coordinateOf(textAttr(attrs, "coordinates"), dim);
    if (coordinate === undefined) return undefined;
    if (dim.scale === 1 && dim.input === dim.output) {
      taps.push(null);
      continue;
    }
    const line = lineOf(coordinate, dim);
    const plain = !flagAttr(attrs, "antialias") && !flagAttr(attrs, "exclude_outside");
    let table: Table;
    if (mode === "nearest") {
      const positions = Array.from({ length: dim.output }, (_, o) =>
        Math.min(Math.max(NEAREST[rounding]!(coordinate(o)), 0), input - 1),
      );
      const formula = nearestTaps(positions, line, rounding, dim);
      if (formula) {
        taps.push(formula);
        continue;
      }
      table = { positions, weights: [], count: 1 };
    } else if (mode === "linear" && plain && line !== undefined) {
      taps.push(linearTaps(line, dim));
      continue;
    } else table = filterTable(call, coordinate, dim, mode === "cubic");
    taps.push(fromTable(table, words.length));
    words.push(...table.positions, ...table.weights.map((weight) => floatBits(weight) | 0));
  }
  return words.length > MOST_WORDS ? undefined : { taps, words };
}

const tableDispatch = (words: readonly number[]): WgslDispatch => ({
  label: "Resize/table",
  writes: { temporary: 0 },
  reads: [],
  ...invocations(words.length),
  code: `const TABLE_WORDS = array<u32, ${words.length}>(${words.map((word) => `${word >>> 0}u`).join(",")});
fn kernel(index: i32) { if (index < ${words.length}) { result[index] = bitcast<i32>(TABLE_WORDS[index]); } }`,
});

/** WGSL (i32) of the coordinate along dim d of the flat index `e`. */
const coordinateText = (shape: readonly number[], d: number): string =>
  `i32((e / ${sizeOf(shape.slice(d + 1))}u) % ${shape[d]}u)`;

const resize: WgslKernel = (call) => {
  const [x] = call.inputs;
  const [y] = call.outputs;
  if (!x || !y || !Array.isArray(call.attrs.get("scales")) || intsAttr(call.attrs, "roi").length !== 2 * x.shape.length)
    return undefined;
  const isNearest = textAttr(call.attrs, "mode") === "nearest";
  if (!isNearest && !(isElement(y.dtype) && isFloat(y.dtype))) return undefined;
  const plan = planOf(call, x, y);
  if (plan === undefined) return undefined;
  const { taps, words } = plan;
  const tabled = words.length > 0;
  const dispatch = isNearest ? moved(x, y, taps, tabled) : weighted(x, y, taps, tabled);
  const table = { dtype: "int32", shape: [words.length] } as const;
  return { temporaries: tabled ? [table] : [], dispatches: [...(tabled ? [tableDispatch(words)] : []), dispatch] };
};

const functionsOf = (taps: readonly (Taps | null)[], access: string): string =>
  `${FLOOR}\n${taps.map((tap, d) => tap?.functions(d) ?? "").join("\n")}`.replaceAll("TABLE(", `${access}(`);

/** Nearest: elements of any type move. */
function moved(x: OperandShape, y: OperandShape, taps: readonly (Taps | null)[], tabled: boolean): WgslDispatch {
  const last = taps.reduce((most, tap, d) => (tap === null ? most : d), -1);
  const bits = unitBits(x.dtype, sizeOf(x.shape.slice(last + 1)));
  const units = DTYPES[x.dtype].bits > bits ? 1 : unitElements(x.dtype, bits);
  const to = [...y.shape.slice(0, last + 1), sizeOf(y.shape.slice(last + 1)) / units];
  const strides = stridesOf([...x.shape.slice(0, last + 1), to.at(-1)!]);
  const terms = to.map((_, d) => {
    const at = coordinateText(to, d);
    return `${d <= last && taps[d] ? `position_${d}(${at}, 0)` : at} * ${strides[d]}`;
  });
  const dispatch = move({
    label: "Resize/nearest",
    writes: { output: 0 },
    ...y,
    bits,
    sources: [{ from: { input: 0 } }],
    ...(tabled ? { indices: [{ from: { temporary: 0 }, dtype: "int32" as const }] } : {}),
    body: `return load_in0(${terms.join(" + ")});`,
  });
  return { ...dispatch, code: `${functionsOf(taps, "index_at0")}\n${dispatch.code}` };
}

/** Sums over the product of the dims' taps. */
function weighted(x: OperandShape, y: OperandShape, taps: readonly (Taps | null)[], tabled: boolean): WgslDispatch {
  const strides = stridesOf(x.shape);
  const still = x.shape.map((_, d) => (taps[d] ? "0" : `${coordinateText(y.shape, d)} * ${strides[d]}`));
  const lines: string[] = [`let base = ${["0", ...still].join(" + ")};`];
  let offset = "base";
  const open: string[] = [];
  taps.forEach((tap, d) => {
    if (tap === null) return;
    lines.push(`let o${d} = ${coordinateText(y.shape, d)};`);
    open.push(`for (var t${d} = 0; t${d} < ${tap.count}; t${d} = t${d} + 1) {
  let at${d} = ${offset} + position_${d}(o${d}, t${d}) * ${strides[d]};
  let weight${d} = ${open.length === 0 ? "1.0" : `weight${previous(taps, d)}`} * weight_${d}(o${d}, t${d});`);
    offset = `at${d}`;
  });
  const last = previous(taps, taps.length);
  const sum =
    open.length === 0
      ? "sum = load_in0(base);"
      : `if (weight${last} != 0.0) { sum = sum + weight${last} * load_in0(${offset}); }`;
  const size = sizeOf(x.shape);
  return elementwise({
    label: "Resize",
    writes: { output: 0 },
    dtype: y.dtype,
    shape: y.shape,
    heavy: true,
    operands: [
      { from: { input: 0 }, dtype: x.dtype, size, walk: null },
      ...(tabled ? [{ from: { temporary: 0 }, dtype: "int32" as const, size: 0, walk: null }] : []),
    ],
    functions: functionsOf(taps, "load_in1"),
    body: `${lines.join("\n  ")}
  var sum = 0.0;
  ${open.join("\n")}
  ${sum}
  ${"}".repeat(open.length)}
  return sum;`,
  });
}

/** The last dim before `d` that changes. */
const previous = (taps: readonly (Taps | null)[], d: number): number =>
  taps.reduce((found, tap, i) => (i < d && tap !== null ? i : found), -1);

export const resizeKernels: WgslTable = { Resize: resize };
