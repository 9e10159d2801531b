/**
 * Normalising rows: every element minus its row's mean (or not), times the row's inverse deviation (or
 * norm), then whatever the operator does to it. One dispatch where rows are whole words of the result;
 * else, and for few very long rows, the statistics first.
 */
import { plus, rowsPerGroup, SINGLE, teamFor, teamReduction } from "./row-teams.ts";
import type { OperandShape, Ref, WgslDispatch } from "./types.ts";
import {
  elementwise,
  gridOf,
  largestUnit,
  literal,
  PLAIN_WORKGROUP,
  sumOf,
  unitStore,
  unitType,
  type UnitRead,
  type UnitSize,
} from "./units.ts";

export interface RowBody {
  readonly reads: readonly UnitRead[];
  /** `fn value(row: i32, u: i32) -> unit`: the element(s) u of a row before normalising. */
  readonly code: string;
  /** What `finish` reads besides; a dispatch for statistics must not bind what it doesn't use. */
  readonly finishReads: readonly UnitRead[];
  /** `fn finish(row: i32, u: i32, v: unit) -> unit`: what becomes of them afterwards. */
  readonly finish: string;
}

export interface RowNorm {
  readonly label: string;
  readonly writes: Ref;
  readonly type: OperandShape;
  readonly rows: number;
  readonly count: number;
  /** Units must divide this: the row, and whatever else the body indexes by. */
  readonly divisor: number;
  /** Take the mean off first. */
  readonly centered: boolean;
  /** What is summed of a unit. */
  readonly power: (v: string) => string;
  /** The factor out of the sum `total` (f32) over the row. */
  readonly factor: string;
  /** Bindings and code over units of `unit`, without the result's. */
  readonly body: (unit: UnitSize) => RowBody;
  /** Where rows are not runs of the tensor: element k of a row, and the inverse. */
  readonly strided?: {
    /** WGSL expressions of `row` and `k`, and of the flat `i`. */
    readonly at: string;
    readonly rowOf: string;
    readonly stepOf: string;
    /** Several lanes a row nevertheless: the last dim is part of it. */
    readonly inTeams?: boolean;
  };
}

/** Registers that hold a row's units between passes. */
const MOST_KEPT = 8;
/** Beyond this, few rows are cut into chunks so that the device has work. */
const LONG_ROW = 32768;
const MOST_CHUNKS = 256;

type Wanted = "result" | "mean" | "factor" | "both";

/** The dispatch that reduces rows and writes either the normalised units or one value a row. */
function reduceRows(norm: RowNorm, unit: UnitSize, wanted: Wanted, writes: Ref, label: string): WgslDispatch {
  const { rows, count } = norm;
  const units = count / unit;
  const team = norm.strided && norm.strided.inTeams !== true ? SINGLE : teamFor(rows, units);
  const { lanes, workgroup } = team;
  const type = unitType(unit);
  const body = norm.body(unit);
  const isResult = wanted === "result";
  const reads = isResult ? [...body.reads, ...body.finishReads] : body.reads;
  const code = isResult ? `${body.code}\n${body.finish}` : body.code;
  const kept = Math.ceil(units / lanes);
  const isKept = kept <= MOST_KEPT;
  const position = norm.strided ? norm.strided.at : `row * ${units} + k`;
  /** Runs `statement` (over `v`, unit k of the row) for the lane's units. */
  const each = (statement: string): string =>
    isKept
      ? Array.from({ length: kept }, (_, i) => {
          const k = `lane + ${i * lanes}`;
          const inside = (i + 1) * lanes <= units ? "" : `if (${k} < ${units}) `;
          return `${inside}{ let k = ${k}; let v = v${i}; ${statement} }`;
        }).join("\n  ")
      : `for (var k = lane; k < ${units}; k += ${lanes}) { let v = value(row, k); ${statement} }`;
  const load = isKept
    ? Array.from({ length: kept }, (_, i) => {
        const k = `lane + ${i * lanes}`;
        return (i + 1) * lanes <= units
          ? `let v${i} = value(row, ${k});`
          : `var v${i} = ${type}(); if (${k} < ${units}) { v${i} = value(row, ${k}); }`;
      }).join("\n  ")
    : "";
  const center = norm.centered
    ? `var sum = ${type}();
  ${each("sum += v;")}
  let mean = team_sum(${sumOf(unit, "sum")}) * ${literal(1 / count)};`
    : "let mean = 0f;";
  const needsFactor = wanted !== "mean";
  const spread = needsFactor
    ? `var powers = ${type}();
  ${each(`{ let c = v - mean; powers += ${norm.power("c")}; }`)}
  let total = team_power(${sumOf(unit, "powers")});
  let factor = ${norm.factor};`
    : "";
  const single = { mean: "mean", factor: "factor", both: "vec2<f32>(mean, factor)" } as const;
  const write =
    wanted === "result"
      ? `if (isOwn) { ${each(`store(${position}, finish(row, k, (v - mean) * factor));`)} }`
      : `if (isOwn && lane == 0) { result[row] = ${single[wanted]}; }`;
  const stored =
    wanted === "result"
      ? unitStore(norm.type.dtype, unit)
      : ({ components: wanted === "both" ? 2 : 1, code: "" } as const);
  return {
    label,
    writes,
    writeComponents: stored.components,
    // What is written instead of the result must not lie on the operand, which is read again.
    reads: reads.map(({ read: { overwrite, ...read } }) =>
      isResult && overwrite === true ? { ...read, overwrite } : read,
    ),
    workgroupSize: [workgroup, 1, 1],
    workgroups: gridOf(Math.ceil(rows / rowsPerGroup(team))),
    code: `${reads.map((read) => read.code).join("\n")}
${stored.code}
${code}
${norm.centered ? teamReduction("team_sum", team, plus) : ""}
${needsFactor ? teamReduction("team_power", team, plus) : ""}
fn kernel(index: i32) {
  let lane = index % ${lanes};
  let own = index / ${lanes};
  let isOwn = own < ${rows};
  let row = min(own, ${rows - 1});
  ${load}
  ${center}
  ${spread}
  ${write}
}`,
  };
}

const whole = ({ reads, code, finishReads, finish }: RowBody): { reads: readonly UnitRead[]; code: string } => ({
  reads: [...reads, ...finishReads],
  code: `${code}\n${finish}`,
});

/** Every element by itself, given its row's statistics. */
function applyRows(norm: RowNorm, statistics: Ref): WgslDispatch {
  const { count, rows } = norm;
  const unit = norm.strided ? undefined : largestUnit([norm.type.dtype], norm.divisor);
  const moments: UnitRead = { read: { name: "moments", from: statistics, components: 2 }, code: "" };
  const apply = "let m = moments[row]; return finish(row, k, (value(row, k) - m.x) * m.y);";
  if (unit === undefined) {
    const { reads, code } = whole(norm.body(1));
    const [rowOf, stepOf] = norm.strided ? [norm.strided.rowOf, norm.strided.stepOf] : [`i / ${count}`, `i % ${count}`];
    return elementwise({
      label: `${norm.label}/apply`,
      writes: norm.writes,
      type: norm.type,
      reads: [...reads, moments],
      code: `${code}\nfn element(i: i32) -> f32 { let row = ${rowOf}; let k = ${stepOf}; ${apply} }`,
    });
  }
  const { reads, code } = whole(norm.body(unit));
  const stored = unitStore(norm.type.dtype, unit);
  const units = count / unit;
  return {
    label: `${norm.label}/apply`,
    writes: norm.writes,
    writeComponents: stored.components,
    reads: [...reads, moments].map(({ read }) => read),
    workgroupSize: [PLAIN_WORKGROUP, 1, 1],
    workgroups: gridOf(Math.ceil((units * rows) / PLAIN_WORKGROUP)),
    code: `${reads.map((read) => read.code).join("\n")}\n${stored.code}\n${code}
fn normal(row: i32, k: i32) -> ${unitType(unit)} { ${apply} }
fn kernel(index: i32) { if (index < ${units * rows}) { store(index, normal(index / ${units}, index % ${units})); } }`,
  };
}

/** Chunks that a row of `units` is cut into, all alike: the divisor of `units` next to what would keep a device busy. */
function chunksOf(rows: number, count: number, units: number): number {
  if (rows >= 32 || count < LONG_ROW) return 1;
  const wanted = Math.min(MOST_CHUNKS, Math.ceil(count / 8192), Math.ceil(512 / rows));
  for (let chunks = wanted; chunks > 1; chunks--) if (units % chunks === 0) return chunks;
  return 1;
}

/** Statistics of every row, `vec2(mean, factor)`, into `statistics`; of long rows through their chunks' in `partial`. */
function rowStatistics(norm: RowNorm, unit: UnitSize, statistics: Ref, partial: Ref, chunks: number): WgslDispatch[] {
  if (chunks === 1) return [reduceRows(norm, unit, "both", statistics, `${norm.label}/statistics`)];
  const { rows, count } = norm;
  const share = count / chunks;
  const units = share / unit;
  const piece: RowNorm = {
    ...norm,
    rows: rows * chunks,
    count: share,
    factor: "total",
    body(own) {
      const { code, ...body } = norm.body(own);
      return {
        ...body,
        code: `${code.replace("fn value(", "fn whole(")}
fn value(row: i32, u: i32) -> ${unitType(own)} { return whole(row / ${chunks}, (row % ${chunks}) * ${units} + u); }`,
      };
    },
  };
  // Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
  const between = norm.centered ? `let d = p.x - mean; total += p.y + d * d * ${literal(share)};` : "total += p.y;";
  return [
    reduceRows(piece, unit, "both", partial, `${norm.label}/chunks`),
    {
      label: `${norm.label}/statistics`,
      writes: statistics,
      writeComponents: 2,
      reads: [{ name: "partial", from: partial, components: 2 }],
      workgroupSize: [PLAIN_WORKGROUP, 1, 1],
      workgroups: gridOf(Math.ceil(rows / PLAIN_WORKGROUP)),
      code: `fn kernel(index: i32) {
  if (index >= ${rows}) { return; }
  var sum = 0f;
  for (var c = 0; c < ${chunks}; c++) { sum += partial[index * ${chunks} + c].x; }
  let mean = sum * ${literal(1 / chunks)};
  var total = 0f;
  for (var c = 0; c < ${chunks}; c++) { let p = partial[index * ${chunks} + c]; ${between} }
  result[index] = vec2<f32>(mean, ${norm.factor});
}`,
    },
  ];
}

export interface RowNormCall {
  readonly temporaries: readonly OperandShape[];
  readonly dispatches: readonly WgslDispatch[];
}

/** The dispatches of a row norm; `firstTemporary` is the number of its first temporary. */
export function rowNorm(norm: RowNorm, firstTemporary = 0): RowNormCall {
  const { rows, count, type } = norm;
  const direct = norm.strided ? (type.dtype === "float32" ? 1 : undefined) : largestUnit([type.dtype], norm.divisor);
  const unit: UnitSize = direct ?? 1;
  const chunks = norm.strided ? 1 : chunksOf(rows, count, count / unit);
  if (direct !== undefined && chunks === 1)
    return { temporaries: [], dispatches: [reduceRows(norm, direct, "result", norm.writes, norm.label)] };
  const statistics = { temporary: firstTemporary };
  const partial = { temporary: firstTemporary + 1 };
  return {
    temporaries: [
      { dtype: "float32", shape: [rows, 2] },
      ...(chunks === 1 ? [] : [{ dtype: "float32" as const, shape: [rows, chunks, 2] }]),
    ],
    dispatches: [...rowStatistics(norm, unit, statistics, partial, chunks), applyRows(norm, statistics)],
  };
}

/** A dispatch for the mean or the factor of every row as a float32 result. */
export function rowStatistic(norm: RowNorm, wanted: "mean" | "factor", writes: Ref): WgslDispatch {
  const unit = norm.strided ? 1 : (largestUnit([norm.type.dtype], norm.divisor) ?? 1);
  return reduceRows(norm, unit, wanted, writes, `${norm.label}/${wanted}`);
}

/** What is summed for a variance. */
export const square = (v: string): string => `${v} * ${v}`;

/** The inverse deviation of `count` elements out of the sum of squares `total`. */
export const deviation = (count: number, epsilon: number): string =>
  `inverseSqrt(total * ${literal(1 / count)} + ${literal(epsilon)})`;
