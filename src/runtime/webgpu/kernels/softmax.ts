/**
 * Softmax and its logarithm, and Hardmax. Maximum, sum of exponentials, result: three passes over a row
 * that a team keeps in registers where it can. Not the one-pass form, whose running maximum starts at
 * minus infinity and makes NaN of masked scores.
 */
import { sizeOf } from "../../../kernels/access.ts";
import { intAttr, intsAttr } from "../../../kernels/attributes.ts";
import { larger, plus, rowsPerGroup, SINGLE, teamFor, teamReduction, type Team } from "./row-teams.ts";
import type { OperandShape, Ref, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";
import {
  areComputable,
  areFloats,
  elementRead,
  elementwise,
  gridOf,
  isShaderFloat,
  largestUnit,
  maxOf,
  scalarOf,
  sumOf,
  unitRead,
  unitStore,
  unitType,
  type UnitSize,
} from "./units.ts";

/**
 * A row's maximum, made infinite where the row has a NaN. Rows whose maximum is not finite are NaN
 * throughout; seen on the bits, as compilers may take NaN and infinities for impossible.
 */
const SPECIAL = `
var<private> minusInfinity: u32 = 0xff800000u;
var<private> plusInfinity: u32 = 0x7f800000u;
var<private> notANumber: u32 = 0x7fc00000u;
fn isFinite(v: f32) -> bool { return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u; }
`;

const nanTest = (unit: UnitSize, v: string): string =>
  unit === 1
    ? `(bitcast<u32>(${v}) & 0x7fffffffu) > 0x7f800000u`
    : `any((bitcast<vec${unit}<u32>>(${v}) & vec${unit}<u32>(0x7fffffffu)) > vec${unit}<u32>(0x7f800000u))`;

interface Form {
  readonly label: string;
  readonly log: boolean;
  readonly x: OperandShape;
  readonly count: number;
  readonly inner: number;
}

const MOST_KEPT = 8;

/** Rows that lie together; units run along the row. */
function alongRows(
  { label, log, x, count }: Form,
  unit: UnitSize,
  writes: Ref,
  wanted: "result" | "statistics",
): WgslDispatch {
  const rows = sizeOf(x.shape) / count;
  const units = count / unit;
  const team: Team = teamFor(rows, units);
  const { lanes, workgroup } = team;
  const type = unitType(unit);
  const isResult = wanted === "result";
  const kept = Math.ceil(units / lanes);
  const isKept = kept <= MOST_KEPT;
  const ks = Array.from({ length: kept }, (_, i) => ({
    k: `lane + ${i * lanes}`,
    isInside: (i + 1) * lanes <= units,
    name: `v${i}`,
  }));
  const operand = unitRead("x", { input: 0 }, x, unit, { overwrite: isResult });
  const load = isKept
    ? ks
        .map(({ k, isInside, name }) =>
          isInside
            ? `var ${name} = unit_x(start + ${k});`
            : `var ${name} = ${type}(bitcast<f32>(minusInfinity)); if (${k} < ${units}) { ${name} = unit_x(start + ${k}); }`,
        )
        .join("\n  ")
    : "";
  const each = (statement: (v: string, k: string) => string, guarded: boolean): string =>
    isKept
      ? ks
          .map(({ k, isInside, name }) =>
            isInside || !guarded ? statement(name, k) : `if (${k} < ${units}) { ${statement(name, k)} }`,
          )
          .join("\n  ")
      : `for (var k = lane; k < ${units}; k += ${lanes}) { let v = unit_x(start + k); ${statement("v", "k")} }`;
  // Kept exponentials are not computed twice.
  const power = (v: string): string => `exp(max(${v} - most, ${type}(-200f)))`;
  const sumStep =
    isKept && isResult && !log
      ? (v: string) => `${v} = ${power(v)}; sum += ${v};`
      : (v: string) => `sum += ${power(v)};`;
  const value = log
    ? (v: string) => `${v} - most - shift`
    : isKept
      ? (v: string) => `${v} * inverse`
      : (v: string) => `${power(v)} * inverse`;
  const stored = isResult ? unitStore(x.dtype, unit) : ({ components: 2, code: "" } as const);
  return {
    label: isResult ? label : `${label}/statistics`,
    writes,
    writeComponents: stored.components,
    reads: [operand.read],
    workgroupSize: [workgroup, 1, 1],
    workgroups: gridOf(Math.ceil(rows / rowsPerGroup(team))),
    code: `${SPECIAL}${operand.code}\n${stored.code}
${teamReduction("team_max", team, larger)}
${teamReduction("team_sum", team, plus)}
fn kernel(index: i32) {
  let lane = index % ${lanes};
  let own = index / ${lanes};
  let row = min(own, ${rows - 1});
  let start = row * ${units};
  ${load}
  var top = ${type}(bitcast<f32>(minusInfinity));
  var odd = false;
  ${each((v) => `top = max(top, ${v}); odd = odd || ${nanTest(unit, v)};`, true)}
  let most = team_max(select(${maxOf(unit, "top")}, bitcast<f32>(plusInfinity), odd));
  var sum = ${type}();
  ${each(sumStep, true)}
  let total = team_sum(${sumOf(unit, "sum")});
  let isSound = isFinite(most);
  ${log ? `let shift = select(bitcast<f32>(notANumber), log(total), isSound);` : `let inverse = select(bitcast<f32>(notANumber), 1f / total, isSound);`}
  ${
    isResult
      ? `if (own < ${rows}) {
  ${each((v, k) => `store(start + ${k}, ${value(v)});`, true)}
  }`
      : `if (own < ${rows} && lane == 0) { result[row] = vec2<f32>(most, ${log ? "shift" : "inverse"}); }`
  }
}`,
  };
}

/** Rows that run across others: an invocation has the rows of one unit, side by side. */
function acrossRows({ label, log, x, count, inner }: Form, unit: UnitSize, writes: Ref): WgslDispatch {
  const type = unitType(unit);
  const columns = inner / unit;
  const total = sizeOf(x.shape) / count / unit;
  const operand = unitRead("x", { input: 0 }, x, unit, { overwrite: true });
  const stored = unitStore(x.dtype, unit);
  const spread = (v: string): string => (unit === 1 ? v : `vec${unit}<u32>(${v})`);
  const bits = unit === 1 ? "u32" : `vec${unit}<u32>`;
  const constant = (name: string): string => `bitcast<${type}>(${spread(name)})`;
  const power = "exp(max(v - most, " + type + "(-200f)))";
  return {
    label,
    writes,
    writeComponents: stored.components,
    reads: [operand.read],
    workgroupSize: [64, 1, 1],
    workgroups: gridOf(Math.ceil(total / 64)),
    code: `${SPECIAL.split("\n")
      .filter((line) => !line.startsWith("fn"))
      .join("\n")}${operand.code}\n${stored.code}
fn kernel(index: i32) {
  if (index >= ${total}) { return; }
  let start = (index / ${columns}) * ${count * columns} + index % ${columns};
  var top = ${constant("minusInfinity")};
  for (var k = 0; k < ${count}; k++) {
    let v = unit_x(start + k * ${columns});
    top = select(max(top, v), ${constant("plusInfinity")}, (bitcast<${bits}>(v) & ${spread("0x7fffffffu")}) > ${spread("0x7f800000u")});
  }
  let most = top;
  var sum = ${type}();
  for (var k = 0; k < ${count}; k++) { let v = unit_x(start + k * ${columns}); sum += ${power}; }
  let isSound = (bitcast<${bits}>(most) & ${spread("0x7f800000u")}) != ${spread("0x7f800000u")};
  let last = select(${constant("notANumber")}, ${log ? "log(sum)" : `${type}(1f) / sum`}, isSound);
  for (var k = 0; k < ${count}; k++) {
    let at = start + k * ${columns};
    let v = unit_x(at);
    store(at, ${log ? "v - most - last" : `${power} * last`});
  }
}`,
  };
}

/** Statistics of strided rows of any type, one invocation a row. */
function acrossStatistics({ label, log, x, count, inner }: Form, writes: Ref): WgslDispatch {
  const { read, code } = elementRead("x", { input: 0 }, x);
  const rows = sizeOf(x.shape) / count;
  return {
    label: `${label}/statistics`,
    writes,
    writeComponents: 2,
    reads: [read],
    workgroupSize: [SINGLE.workgroup, 1, 1],
    workgroups: gridOf(Math.ceil(rows / SINGLE.workgroup)),
    code: `${SPECIAL}${code}
fn kernel(index: i32) {
  if (index >= ${rows}) { return; }
  let start = (index / ${inner}) * ${count * inner} + index % ${inner};
  var most = bitcast<f32>(minusInfinity);
  for (var k = 0; k < ${count}; k++) {
    let v = load_x(start + k * ${inner});
    most = select(max(most, v), bitcast<f32>(plusInfinity), ${nanTest(1, "v")});
  }
  var sum = 0f;
  for (var k = 0; k < ${count}; k++) { sum += exp(max(load_x(start + k * ${inner}) - most, -200f)); }
  result[index] = vec2<f32>(most, select(bitcast<f32>(notANumber), ${log ? "log(sum)" : "1f / sum"}, isFinite(most)));
}`,
  };
}

/** Every element by its row's statistics: where a word of the result belongs to several rows. */
function apply({ label, log, x, count, inner }: Form, statistics: Ref): WgslDispatch {
  return elementwise({
    label: `${label}/apply`,
    writes: { output: 0 },
    type: x,
    reads: [
      elementRead("x", { input: 0 }, x, true),
      { read: { name: "moments", from: statistics, components: 2 }, code: "" },
    ],
    code: `fn element(i: i32) -> f32 {
  let m = moments[(i / ${count * inner}) * ${inner} + i % ${inner}];
  let v = load_x(i) - m.x;
  return ${log ? "v - m.y" : "exp(max(v, -200f)) * m.y"};
}`,
  });
}

const softmax =
  (label: string, log: boolean): WgslKernel =>
  ({ inputs: [x], outputs: [y], attrs }) => {
    if (!x || !y || !areFloats(x) || y.dtype !== x.dtype) return undefined;
    const form: Form = { label, log, x, count: intAttr(attrs, "count"), inner: intAttr(attrs, "inner") };
    const unit = largestUnit([x.dtype], form.inner === 1 ? form.count : form.inner);
    if (unit !== undefined) {
      const make =
        form.inner === 1 ? alongRows(form, unit, { output: 0 }, "result") : acrossRows(form, unit, { output: 0 });
      return { temporaries: [], dispatches: [make] };
    }
    const statistics = { temporary: 0 };
    const first = form.inner === 1 ? alongRows(form, 1, statistics, "statistics") : acrossStatistics(form, statistics);
    return {
      temporaries: [{ dtype: "float32", shape: [sizeOf(x.shape) / form.count, 2] }],
      dispatches: [first, apply(form, statistics)],
    };
  };

/** attrs: axes (neighbouring dims). 1 at the first of the largest elements, 0 elsewhere. */
const hardmax: WgslKernel = ({ inputs: [x], attrs }) => {
  if (!x || !areComputable(x)) return undefined;
  const axes = intsAttr(attrs, "axes");
  if (axes.some((axis, i) => axis !== (axes[0] ?? 0) + i)) return undefined;
  const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
  const inner = axes.length === 0 ? 1 : sizeOf(x.shape.slice(axes.at(-1)! + 1));
  const rows = sizeOf(x.shape) / count;
  const { read, code } = elementRead("x", { input: 0 }, x);
  const isFloat = isShaderFloat(x.dtype);
  // The reference compares with >, which a NaN never is: the first element stays.
  const better = isFloat ? `v > top && !(${nanTest(1, "v")}) && !(${nanTest(1, "top")})` : "v > top";
  const best: WgslDispatch = {
    label: "Hardmax/best",
    writes: { temporary: 0 },
    reads: [read],
    workgroupSize: [64, 1, 1],
    workgroups: gridOf(Math.ceil(rows / 64)),
    code: `${code}
fn kernel(index: i32) {
  if (index >= ${rows}) { return; }
  let start = (index / ${inner}) * ${count * inner} + index % ${inner};
  var top = load_x(start);
  var best = 0;
  for (var k = 1; k < ${count}; k++) {
    let v = load_x(start + k * ${inner});
    if (${better}) { top = v; best = k; }
  }
  result[index] = best;
}`,
  };
  const scalar = scalarOf(x.dtype);
  return {
    temporaries: [{ dtype: "int32", shape: [rows] }],
    dispatches: [
      best,
      elementwise({
        label: "Hardmax",
        writes: { output: 0 },
        type: x,
        reads: [{ read: { name: "best", from: { temporary: 0 } }, code: "" }],
        code: `fn element(i: i32) -> ${scalar} {
  return select(${scalar}(0), ${scalar}(1), (i / ${inner}) % ${count} == best[(i / ${count * inner}) * ${inner} + i % ${inner}]);
}`,
      }),
    ],
  };
};

export const softmaxKernels: WgslTable = {
  Hardmax: hardmax,
  LogSoftmax: softmax("LogSoftmax", true),
  Softmax: softmax("Softmax", false),
};
