/**
 * Scaled dot-product attention in one dispatch: a workgroup has a few query rows that share a head of keys
 * and values, goes over the keys in chunks and keeps a running maximum and sum (Milakov and Gimelshein,
 * "Online normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", 2022). What the
 * operators differ in, where rows lie and what is added to the scores, comes as code.
 */
import type { DType } from "../../../ir/dtype.ts";
import type { OperandShape, Ref, WgslDispatch } from "./types.ts";
import {
  convert,
  greatestCommonDivisor,
  gridOf,
  largestUnit,
  literal,
  unitRead,
  unitStore,
  unitType,
  type UnitRead,
  type UnitSize,
} from "./units.ts";

/** Rows of every head in an operand, in elements: row i of head h is at offset + b * batch + h * head + i * row. */
export interface RowsAt {
  readonly from: Ref;
  readonly type: OperandShape;
  readonly offset: number;
  readonly batch: number;
  readonly head: number;
  readonly row: number;
  /** Element d of head h has element offset + h * size + d of this on top. */
  readonly added?: { readonly from: Ref; readonly type: OperandShape; readonly offset: number };
}

/** Rows of a 3-D tensor (batch, position, heads * size), or of a 4-D one (batch, head, position, size). */
export function rowsAt(from: Ref, type: OperandShape, heads: number): RowsAt {
  const { shape } = type;
  if (shape.length === 4) {
    const [, count, length, size] = shape as [number, number, number, number];
    return { from, type, offset: 0, batch: count * length * size, head: length * size, row: size };
  }
  const [, length, hidden] = shape as [number, number, number];
  return { from, type, offset: 0, batch: length * hidden, head: hidden / heads, row: hidden };
}

export interface Attend {
  readonly label: string;
  readonly writes: Ref;
  /** The result, whose rows are given like the operands'. */
  readonly output: Omit<RowsAt, "from" | "added">;
  readonly batches: number;
  readonly kvHeads: number;
  /** Query heads that share a head of keys and values. */
  readonly group: number;
  readonly queries: number;
  readonly keys: number;
  readonly size: number;
  readonly valueSize: number;
  readonly query: RowsAt;
  readonly key: RowsAt;
  readonly value: RowsAt;
  readonly scale: number;
  /** 0 for none. */
  readonly softcap: number;
  /** What `code` binds besides. */
  readonly reads: readonly UnitRead[];
  /**
   * `fn isKept(b: i32, h: i32, i: i32, j: i32) -> bool`: whether query i of head h may see key j, and
   * `fn biased(b: i32, h: i32, i: i32, j: i32, score: f32) -> f32`, and where `isBounded`
   * `fn keyEnd(b: i32, i: i32) -> i32`: no key from there on is kept.
   */
  readonly code: string;
  readonly isBounded: boolean;
  /** `fn sink(h: i32) -> f32` is in `code`: a score that takes part in every softmax without a value. */
  readonly hasSink: boolean;
}

const LANES = 64;
/** What a workgroup may hold, less some room for the small arrays. */
const WORKGROUP_BYTES = 15 * 1024;
/** Elements of a head that a lane goes over: beyond, the code gets too long for some compilers. */
const MOST_ELEMENTS = 1024;

interface Tiling {
  readonly rows: 1 | 2 | 4 | 8;
  /** Keys that a lane scores in a chunk. */
  readonly keysPerLane: 1 | 2 | 4;
}

/** Numbers in the array that first holds scores and weights, then the lanes' sums. */
const sharedNumbers = ({ rows, keysPerLane }: Tiling, unit: UnitSize, valueUnits: number): number =>
  rows * Math.max(keysPerLane * LANES, unit * Math.max(LANES, valueUnits));

function tilingFor(rows: number, keys: number, unit: UnitSize, units: number, valueUnits: number): Tiling | undefined {
  const wanted = ([8, 4, 2, 1] as const).flatMap((own) =>
    ([4, 2, 1] as const).map((k) => ({ rows: own, keysPerLane: k })),
  );
  return wanted.find(
    (tiling) =>
      (tiling.rows < 2 * rows || tiling.rows === 1) &&
      (tiling.keysPerLane * LANES < 2 * keys || tiling.keysPerLane === 1) &&
      4 * (tiling.rows * units * unit + sharedNumbers(tiling, unit, valueUnits)) <= WORKGROUP_BYTES &&
      tiling.rows * Math.ceil(valueUnits / LANES) <= 16,
  );
}

export interface Attended {
  readonly temporaries: readonly OperandShape[];
  readonly dispatches: readonly WgslDispatch[];
}

/** The dispatches, or undefined for heads that don't fit a workgroup. */
export function attendCall(call: Attend, firstTemporary: number): Attended | undefined {
  const { size, valueSize, output } = call;
  if (size > MOST_ELEMENTS || valueSize > MOST_ELEMENTS) return undefined;
  const common = greatestCommonDivisor(size, valueSize);
  const read: DType[] = [call.query, call.key, call.value].map(({ type }) => type.dtype);
  const unit = largestUnit([...read, output.type.dtype], common);
  // Rows that are no whole words are computed as float32 and packed afterwards.
  if (unit === undefined) {
    const plain = largestUnit(read, common) ?? 1;
    const temporary = { temporary: firstTemporary };
    const type: OperandShape = { dtype: "float32", shape: output.type.shape };
    const made = dispatchOf({ ...call, writes: temporary, output: { ...output, type } }, plain);
    return (
      made && {
        temporaries: [type],
        dispatches: [made, convert(`${call.label}/pack`, temporary, call.writes, output.type)],
      }
    );
  }
  const made = dispatchOf(call, unit);
  return made && { temporaries: [], dispatches: [made] };
}

/** Operands in units; one that is shown several times is bound once. */
function bind(unit: UnitSize): {
  readonly reads: UnitRead[];
  /** WGSL expression of unit `u` of row (b, h, i). */
  readonly row: (rows: RowsAt, size: number, h: string, i: string, u: string) => string;
} {
  const reads: UnitRead[] = [];
  const names = new Map<string, string>();
  const nameOf = (from: Ref, type: OperandShape): string => {
    const key = JSON.stringify(from);
    let name = names.get(key);
    if (name === undefined) {
      name = `operand${names.size}`;
      names.set(key, name);
      reads.push(unitRead(name, from, type, unit));
    }
    return name;
  };
  return {
    reads,
    row(rows, size, h, i, u) {
      const name = nameOf(rows.from, rows.type);
      const at = (n: number): number => n / unit;
      const element = `unit_${name}(${at(rows.offset)} + b * ${at(rows.batch)} + ${h} * ${at(rows.head)} + ${i} * ${at(rows.row)} + ${u})`;
      if (!rows.added) return element;
      const { from, type, offset } = rows.added;
      return `(${element} + unit_${nameOf(from, type)}(${at(offset)} + ${h} * ${at(size)} + ${u}))`;
    },
  };
}

function dispatchOf(call: Attend, unit: UnitSize): WgslDispatch | undefined {
  const { size, valueSize, queries, keys, group, kvHeads, output } = call;
  const units = size / unit;
  const valueUnits = valueSize / unit;
  const rowCount = group * queries;
  const tiling = tilingFor(rowCount, keys, unit, units, valueUnits);
  if (tiling === undefined) return undefined;
  const { rows, keysPerLane } = tiling;
  const blocks = Math.ceil(rowCount / rows);
  const groups = call.batches * kvHeads * blocks;
  const chunk = LANES * keysPerLane;
  const chunks = Math.ceil(keys / chunk);
  const parts = LANES / rows;
  const across = Math.min(valueUnits, LANES);
  const slices = Math.max(1, Math.floor(LANES / valueUnits));
  const perLane = Math.ceil(valueUnits / LANES);
  const V = unitType(unit);
  const { reads: operands, row } = bind(unit);
  const queryAt = row(call.query, size, "h", "i", "u");
  const keyAt = row(call.key, size, "head", "j", "u");
  const valueAt = row(call.value, valueSize, "head", "j", "u");
  const stored = unitStore(output.type.dtype, unit);
  const all = Array.from({ length: rows }, (_, r) => r);
  const lanesKeys = Array.from({ length: keysPerLane }, (_, k) => k);
  const product = (key: string): string => (unit === 1 ? `q * ${key}` : `dot(q, ${key})`);
  const fields = unit === 1 ? [""] : [".x", ".y", ".z", ".w"].slice(0, unit);
  const share = Math.max(slices * across, valueUnits);
  const spans = Array.from({ length: perLane }, (_, s) => s);
  const at = (n: number): number => n / unit;
  const capped =
    call.softcap === 0
      ? "raw"
      : `${literal(call.softcap)} * (1f - 2f / (exp(clamp(raw * ${literal(2 / call.softcap)}, -80f, 80f)) + 1f))`;
  const inSpan = (s: number, body: string): string =>
    (s + 1) * LANES <= valueUnits || perLane === 1 ? body : `if (column + ${s * LANES} < ${valueUnits}) { ${body} }`;
  const allReads = [...operands, ...call.reads];
  return {
    label: call.label,
    writes: call.writes,
    writeComponents: stored.components,
    reads: allReads.map(({ read }) => read),
    workgroupSize: [LANES, 1, 1],
    workgroups: gridOf(groups),
    code: `${allReads.map(({ code }) => code).join("\n")}
${stored.code}
${call.code}
var<private> minusInfinity: u32 = 0xff800000u;
var<workgroup> query: array<${V}, ${rows * units}>;
var<workgroup> weights: array<f32, ${sharedNumbers(tiling, unit, valueUnits)}>;
var<workgroup> partials: array<f32, ${LANES}>;
var<workgroup> factors: array<f32, ${rows}>;
${call.isBounded ? "var<workgroup> bound: i32;" : ""}
fn headOf(head: i32, r: i32) -> i32 { return head * ${group} + r / ${queries}; }
fn load_query(b: i32, h: i32, i: i32, u: i32) -> ${V} { return ${queryAt}; }
fn load_key(b: i32, head: i32, j: i32, u: i32) -> ${V} { return ${keyAt}; }
fn load_value(b: i32, head: i32, j: i32, u: i32) -> ${V} { return ${valueAt}; }
fn putSum(at: i32, v: ${V}) { ${fields.map((part, e) => `weights[at * ${unit} + ${e}] = v${part};`).join(" ")} }
fn sumAt(at: i32) -> ${V} { return ${V}(${fields.map((_, e) => `weights[at * ${unit} + ${e}]`).join(", ")}); }
fn scoreOf(b: i32, h: i32, i: i32, j: i32, raw: f32) -> f32 {
  if (!isKept(b, h, i, j)) { return bitcast<f32>(minusInfinity); }
  return biased(b, h, i, j, ${capped});
}
fn kernel(index: i32) {
  let lane = i32(localIndex);
  let given = index / ${LANES};
  let own = min(given, ${groups - 1});
  let b = own / ${kvHeads * blocks};
  let head = (own / ${blocks}) % ${kvHeads};
  let first = (own % ${blocks}) * ${rows};
  for (var t = lane; t < ${rows * units}; t += ${LANES}) {
    let r = min(first + t / ${units}, ${rowCount - 1});
    query[t] = load_query(b, headOf(head, r), r % ${queries}, t % ${units}) * ${literal(call.scale)};
  }
  let part = lane % ${parts};
  let mine = lane / ${parts};
  ${call.hasSink ? `var top = sink(headOf(head, min(first + mine, ${rowCount - 1}))); var total = select(0f, 1f, part == 0);` : "var top = -3.4028234e38f; var total = 0f;"}
  let column = lane % ${across};
  let slice = lane / ${across};
  ${all.flatMap((r) => spans.map((s) => `var sum_${r}_${s} = ${V}();`)).join(" ")}
  ${
    call.isBounded
      ? `if (lane == 0) {
    var end = 0;
    for (var r = 0; r < ${rows}; r++) { end = max(end, keyEnd(b, min(first + r, ${rowCount - 1}) % ${queries})); }
    bound = (min(end, ${keys}) + ${chunk - 1}) / ${chunk};
  }
  let chunks = workgroupUniformLoad(&bound);`
      : `workgroupBarrier();
  const chunks = ${chunks};`
  }
  for (var c = 0; c < chunks; c++) {
    ${lanesKeys.map((k) => `let j_${k} = min(c * ${chunk} + lane + ${k * LANES}, ${keys - 1});`).join(" ")}
    ${all.flatMap((r) => lanesKeys.map((k) => `var dot_${r}_${k} = 0f;`)).join(" ")}
    for (var u = 0; u < ${units}; u++) {
      ${lanesKeys.map((k) => `let key_${k} = load_key(b, head, j_${k}, u);`).join(" ")}
      ${all
        .map(
          (r) =>
            `{ let q = query[${r * units} + u]; ${lanesKeys.map((k) => `dot_${r}_${k} += ${product(`key_${k}`)};`).join(" ")} }`,
        )
        .join("\n      ")}
    }
    ${all.flatMap((r) => lanesKeys.map((k) => `weights[${r * chunk + k * LANES} + lane] = dot_${r}_${k};`)).join(" ")}
    // A lane's own numbers: nothing to wait for.
    for (var t = lane; t < ${rows * chunk}; t += ${LANES}) {
      let r = min(first + t / ${chunk}, ${rowCount - 1});
      let j = c * ${chunk} + t % ${chunk};
      var score = bitcast<f32>(minusInfinity);
      if (j < ${keys}) { score = scoreOf(b, headOf(head, r), r % ${queries}, j, weights[t]); }
      weights[t] = score;
    }
    workgroupBarrier();
    var most = top;
    for (var k = part; k < ${chunk}; k += ${parts}) { most = max(most, weights[mine * ${chunk} + k]); }
    partials[lane] = most;
    workgroupBarrier();
    for (var k = 0; k < ${parts}; k++) { most = max(most, partials[mine * ${parts} + k]); }
    let factor = exp(top - most);
    top = most;
    total *= factor;
    for (var k = part; k < ${chunk}; k += ${parts}) {
      let score = weights[mine * ${chunk} + k];
      let weight = select(exp(score - top), 0f, bitcast<u32>(score) == 0xff800000u);
      weights[mine * ${chunk} + k] = weight;
      total += weight;
    }
    if (part == 0) { factors[mine] = factor; }
    workgroupBarrier();
    if (slice < ${slices}) {
      ${all.flatMap((r) => spans.map((s) => `sum_${r}_${s} *= factors[${r}];`)).join(" ")}
      let end = min(${chunk}, ${keys} - c * ${chunk});
      for (var k = slice; k < end; k += ${slices}) {
        let j = c * ${chunk} + k;
        ${spans
          .map((s) =>
            inSpan(
              s,
              `let value = load_value(b, head, j, column${s === 0 ? "" : ` + ${s * LANES}`}); ${all.map((r) => `sum_${r}_${s} += weights[${r * chunk} + k] * value;`).join(" ")}`,
            ),
          )
          .map((body) => `{ ${body} }`)
          .join("\n        ")}
      }
    }
    workgroupBarrier();
  }
  partials[lane] = total;
  if (slice < ${slices}) {
    ${all
      .flatMap((r) =>
        spans.map((s) =>
          inSpan(
            s,
            `putSum((${r * share} + slice * ${across} + column${s === 0 ? "" : ` + ${s * LANES}`}), sum_${r}_${s});`,
          ),
        ),
      )
      .join("\n    ")}
  }
  workgroupBarrier();
  if (given < ${groups}) {
    for (var t = lane; t < ${rows * valueUnits}; t += ${LANES}) {
      let r = t / ${valueUnits};
      let u = t % ${valueUnits};
      if (first + r < ${rowCount}) {
        var weight = 0f;
        for (var k = 0; k < ${parts}; k++) { weight += partials[r * ${parts} + k]; }
        var value = ${V}();
        for (var s = 0; s < ${slices}; s++) { value += sumAt(r * ${share} + s * ${across} + u); }
        let h = headOf(head, first + r);
        let i = (first + r) % ${queries};
        // A query that may see no key has zeros.
        store(${at(output.offset)} + b * ${at(output.batch)} + h * ${at(output.head)} + i * ${at(output.row)} + u, value * select(1f / weight, 0f, weight == 0f));
      }
    }
  }
}`,
  };
}
