/**
 * Folding of many elements into one: a state, a way to take an element in, a way to join two states.
 * Long rows go to a workgroup, short ones to an invocation; few and very long ones are cut into
 * segments first. Partial states keep the error of long float sums small; the order is fixed.
 */
import { sizeOf, stridesOf } from "../../../kernels/access.ts";
import type { DType } from "../../../ir/dtype.ts";
import { elementwise, is64Bit, loaderOf, scalarOf } from "./elementwise.ts";
import { invocations, spread } from "./grid.ts";
import { offsetOf, type Walk } from "./layout.ts";
import { withMath } from "./math.ts";
import type { OperandShape, Ref, WgslCall, WgslDispatch } from "./types.ts";

export interface Folding {
  readonly label: string;
  /** WGSL type of the state. */
  readonly state: string;
  /** WGSL of the empty state. */
  readonly empty: string;
  /** WGSL of the state of one element `x` at position `r` (u32) among those folded. */
  readonly take: string;
  /** WGSL of the state of both `p` and `q`. */
  readonly join: string;
  /** WGSL of the result (in the scalar type of its dtype) of state `p`. */
  readonly finish: string;
  /** Whether partial results may be folded again by `join` alone: the state is a scalar of the accumulator's dtype. */
  readonly segments?: DType;
}

/** Type in which a shader can write an element alone: packed ones are packed afterwards. */
export const unpackedType = (dtype: DType): DType =>
  is64Bit(dtype)
    ? dtype
    : ({ f32: "float32", i32: "int32", u32: "uint32" } as const)[scalarOf(dtype) as "f32" | "i32" | "u32"];

/**
 * A call whose one result is written by `dispatchesOf`, element by element in a type of whole words;
 * a result of a narrower type is packed from a temporary.
 */
export function packedAfter(
  y: OperandShape,
  dispatchesOf: (
    writes: Ref,
    dtype: DType,
  ) => { readonly temporaries: readonly OperandShape[]; readonly dispatches: readonly WgslDispatch[] },
): WgslCall {
  const dtype = unpackedType(y.dtype);
  if (dtype === y.dtype) return dispatchesOf({ output: 0 }, dtype);
  // The temporary of this function comes after those of the kernel.
  const trial = dispatchesOf({ temporary: 0 }, dtype);
  const own: Ref = { temporary: trial.temporaries.length };
  const made = own.temporary === 0 ? trial : dispatchesOf(own, dtype);
  return {
    temporaries: [...made.temporaries, { dtype, shape: y.shape }],
    dispatches: [...made.dispatches, packing(y, own, { output: 0 }, dtype)],
  };
}

/** A dispatch that packs a tensor of whole words. */
export const packing = (y: OperandShape, from: Ref, writes: Ref, dtype: DType): WgslDispatch =>
  elementwise({
    label: "Pack",
    writes,
    dtype: y.dtype,
    shape: y.shape,
    operands: [{ from, dtype, size: sizeOf(y.shape), walk: { shape: [sizeOf(y.shape)], strides: [1], base: 0 } }],
    body: "return a;",
  });

/** Elements that one invocation adds up before it begins a new sum. */
const SHORT = 64;
/** Invocations that share a result where a workgroup has several. */
const SHARE = 16;

/** Invocations for each result of `count` elements that lie together. */
function shareOfRows(count: number, results: number): 1 | 16 | 64 | 256 {
  if (count < 32) return 1;
  if (count < 1024 && results >= 64) return SHARE;
  return count < 4096 ? 64 : 256;
}

/** Invocations for each result where neighbours in memory belong to different results, or lie apart. */
function shareOfColumns(count: number, results: number): 1 | 16 | 64 | 256 {
  if (count <= 64 || results >= 32768) return 1;
  if (results >= SHARE) return SHARE;
  return count < 4096 ? 64 : 256;
}
/** Elements of a segment of a row that is cut. */
const SEGMENT = 16384;

export interface FoldedOperand {
  readonly from: Ref;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Walks over the results, and over the elements of one. */
function walksOf(
  shape: readonly number[],
  axes: readonly number[],
): { readonly starts: Walk; readonly elements: Walk } {
  const strides = stridesOf(shape);
  const pick = (chosen: boolean): Walk => {
    const dims = shape.map((_, d) => d).filter((d) => axes.includes(d) === chosen);
    return { shape: dims.map((d) => shape[d]!), strides: dims.map((d) => strides[d]!), base: 0 };
  };
  return { starts: pick(false), elements: pick(true) };
}

/** Dispatches that fold `x` over `axes` into `writes`, of `dtype` (whole words an element). */
export function fold(
  folding: Folding,
  x: FoldedOperand,
  axes: readonly number[],
  writes: Ref,
  dtype: DType,
  temporary: number,
): { readonly temporaries: readonly OperandShape[]; readonly dispatches: readonly WgslDispatch[] } {
  const { starts, elements } = walksOf(x.shape, axes);
  const count = sizeOf(elements.shape);
  const results = sizeOf(starts.shape);
  const { segments } = folding;
  if (segments !== undefined && count >= 4 * SEGMENT && results <= 64) {
    // The least divisor that leaves segments of a fair length; a prime count is not cut.
    let parts = Math.ceil(count / SEGMENT);
    while (parts < count && count % parts !== 0) parts++;
    if (count / parts >= 256) {
      const length = count / parts;
      const first = foldDispatch(
        { ...folding, label: `${folding.label}/segments`, finish: "p" },
        x,
        { shape: [results, parts], strides: [0, 0], base: 0 },
        { shape: [length], strides: [1], base: 0 },
        { temporary },
        segments,
        // Positions count on from segment to segment.
        {
          start: (o) => offsetOf(starts, `(${o} / ${parts}u)`),
          element: (r, o) => offsetOf(elements, `(${r} + (${o} % ${parts}u) * ${length}u)`),
        },
      );
      const second = foldDispatch(
        { ...folding, take: "x" },
        { from: { temporary }, dtype: segments, shape: [results, parts] },
        { shape: [results], strides: [parts], base: 0 },
        { shape: [parts], strides: [1], base: 0 },
        writes,
        dtype,
      );
      return { temporaries: [{ dtype: segments, shape: [results, parts] }], dispatches: [first, second] };
    }
  }
  return { temporaries: [], dispatches: [foldDispatch(folding, x, starts, elements, writes, dtype)] };
}

interface Offsets {
  readonly start: (o: string) => string;
  readonly element: (r: string, o: string) => string;
}

function foldDispatch(
  { label, state, empty, take, join, finish }: Folding,
  x: FoldedOperand,
  starts: Walk,
  elements: Walk,
  writes: Ref,
  dtype: DType,
  offsets?: Offsets,
): WgslDispatch {
  const count = sizeOf(elements.shape);
  const results = sizeOf(starts.shape);
  const rows = offsets === undefined && elements.shape.length > 0 && isRow(elements);
  const share = rows ? shareOfRows(count, results) : shareOfColumns(count, results);
  const wide = rows && x.dtype === "float32" && count % 4 === 0 && share > 1;
  const start = offsets?.start ?? ((o: string): string => offsetOf(starts, o));
  const element = offsets?.element ?? ((r: string): string => offsetOf(elements, r));
  const stored = is64Bit(dtype) ? "bitcast<vec2<i32>>(value)" : dtype === "uint32" ? "bitcast<i32>(value)" : "value";
  const access = wide
    ? ""
    : `${loaderOf("in0", x.dtype)}
fn element(base: i32, r: u32, o: u32) -> ${state} { return take(load_in0(base + ${element("r", "o")}), r); }`;
  const functions = `${access}
fn empty() -> ${state} { return ${empty}; }
fn take(x: ${scalarOf(x.dtype)}, r: u32) -> ${state} { return ${take}; }
fn join(p: ${state}, q: ${state}) -> ${state} { ${join.includes("return") ? join : `return ${join};`} }
fn finish(p: ${state}) -> ${scalarOf(dtype)} { return ${finish}; }`;
  const common = {
    label,
    writes,
    writeComponents: is64Bit(dtype) ? (2 as const) : (1 as const),
    reads: [
      { name: "in0", from: x.from, components: wide ? (4 as const) : is64Bit(x.dtype) ? (2 as const) : (1 as const) },
    ],
  };
  if (share === 1) {
    return {
      ...common,
      ...invocations(results),
      code: withMath(`${functions}
fn kernel(index: i32) {
  if (index >= ${results}) { return; }
  let o = u32(index);
  let base = ${start("o")};
  var total = empty();
  for (var block = 0u; block < ${count}u; block = block + ${SHORT}u) {
    var part = empty();
    for (var r = block; r < min(block + ${SHORT}u, ${count}u); r = r + 1u) { part = join(part, element(base, r, o)); }
    total = join(total, part);
  }
  let value = finish(total);
  result[index] = ${stored};
}`),
    };
  }
  const size = share > SHARE ? share : SHARE * SHARE;
  // Results of a workgroup; neighbours in memory go to neighbouring invocations.
  const own = size / share;
  const lines = rows || own === 1 ? `lane / ${share}u` : `lane % ${own}u`;
  const turn = rows || own === 1 ? `lane % ${share}u` : `lane / ${own}u`;
  const apart = rows || own === 1 ? 1 : own;
  // Four elements at a time go into four states.
  const scan = wide
    ? `var totals = array<${state}, 4>(empty(), empty(), empty(), empty());
  for (var r = turn; r < ${count / 4}u; r = r + ${share}u) {
    let v = in0[(base >> 2u) + i32(r)];
    totals[0] = join(totals[0], take(v.x, 4u * r));
    totals[1] = join(totals[1], take(v.y, 4u * r + 1u));
    totals[2] = join(totals[2], take(v.z, 4u * r + 2u));
    totals[3] = join(totals[3], take(v.w, 4u * r + 3u));
  }
  let total = join(join(totals[0], totals[1]), join(totals[2], totals[3]));`
    : `var total = empty();
  for (var block = turn; block < ${count}u; block = block + ${share * SHORT}u) {
    var part = empty();
    for (var r = block; r < min(block + ${share * SHORT}u, ${count}u); r = r + ${share}u) { part = join(part, element(base, r, o)); }
    total = join(total, part);
  }`;
  // One result of the workgroup: in two steps, so that no invocation joins more than the root of all.
  const square = share > SHARE ? Math.sqrt(share) : 1;
  const first =
    square === 1
      ? ""
      : `
  if (lane < ${square}u) {
    for (var k = 1u; k < ${square}u; k = k + 1u) { joined = join(joined, parts[lane + k * ${square}u]); }
  }
  workgroupBarrier();
  parts[lane] = joined;
  workgroupBarrier();`;
  return {
    ...common,
    workgroupSize: [size, 1, 1],
    workgroups: spread(Math.ceil(results / own)),
    code: withMath(`var<workgroup> parts: array<${state}, ${size}>;
${functions}
fn kernel(index: i32) {
  let lane = localIndex;
  let turn = ${turn};
  let line = (index / ${size}) * ${own} + i32(${lines});
  let o = u32(min(line, ${results - 1}));
  let base = ${start("o")};
  ${scan}
  parts[lane] = total;
  workgroupBarrier();
  var joined = total;${first}
  if (turn == 0u && line < ${results}) {
    for (var k = 1u; k < ${square === 1 ? share : square}u; k = k + 1u) { joined = join(joined, parts[lane + k * ${apart}u]); }
    let value = finish(joined);
    result[line] = ${stored};
  }
}`),
  };
}

/** Whether a walk's elements lie together. */
const isRow = (walk: Walk): boolean => {
  let step = 1;
  for (let d = walk.shape.length - 1; d >= 0; d--) {
    if (walk.shape[d] !== 1 && walk.strides[d] !== step) return false;
    step *= walk.shape[d]!;
  }
  return true;
};
