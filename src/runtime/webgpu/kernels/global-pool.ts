/** Pools over whole planes. */
import { sizeOf } from "../../../kernels/access.ts";
import { intAttr } from "../../../kernels/attributes.ts";
import { isPower, nanOf, powerOf, rootOf } from "./pool-arithmetic.ts";
import { larger, plus, rowsPerGroup, teamFor, teamReduction, type Team } from "./row-teams.ts";
import type { CallShape, OperandShape, Ref, WgslCall, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";
import {
  areFloats,
  convert,
  gridOf,
  largestUnit,
  literal,
  maxOf,
  pointwise,
  sumOf,
  unitRead,
  unitType,
  type UnitSize,
} from "./units.ts";

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

export const globalPoolKernels: WgslTable = {
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
};
