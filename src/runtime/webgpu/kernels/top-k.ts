/**
 * TopK. Short lines: each element counts those better than it, which is its place. Long lines: a
 * workgroup chooses the best element worse than the last one chosen, k times.
 */
import { sizeOf } from "../../../kernels/access.ts";
import { flagAttr, intAttr } from "../../../kernels/attributes.ts";
import { DTYPES } from "../../../ir/dtype.ts";
import { isElement, loaderOf } from "./elementwise.ts";
import { invocations, spread } from "./grid.ts";
import { move } from "./moves.ts";
import { keyFunctions, keyOf } from "./reduce.ts";
import type { OperandShape, Ref, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";

/** Longest line of which every element is compared with every other. */
const SHORT = 512;
/** Most elements chosen one by one. */
const FEW = 64;
/** Most comparisons of elements with each other. */
const MOST_PAIRS = 2 ** 30;
const GROUP = 64;

interface Lines {
  readonly count: number;
  readonly inner: number;
  readonly lines: number;
  readonly k: number;
}

const functionsOf = (
  x: OperandShape,
  key: string,
  { count, inner }: Lines,
): string => `${keyFunctions}${loaderOf("in0", x.dtype)}
fn start(line: i32) -> i32 { return (line / ${inner}) * ${count * inner} + line % ${inner}; }
fn keyAt(at: i32) -> u32 { let x = load_in0(at); return ${key}; }`;

/** Writes positions: each element finds its place. */
const byCounting = (x: OperandShape, key: string, lines: Lines, writes: Ref): WgslDispatch => ({
  label: "TopK/count",
  writes,
  reads: [{ name: "in0", from: { input: 0 } }],
  ...invocations(lines.lines * lines.count),
  code: `${functionsOf(x, key, lines)}
fn kernel(index: i32) {
  if (index >= ${lines.lines * lines.count}) { return; }
  let line = index / ${lines.count};
  let own = index % ${lines.count};
  let base = start(line);
  let key = keyAt(base + own * ${lines.inner});
  var place = 0;
  for (var i = 0; i < ${lines.count}; i = i + 1) {
    let other = keyAt(base + i * ${lines.inner});
    place = place + select(0, 1, other > key || (other == key && i < own));
  }
  if (place < ${lines.k}) { result[line * ${lines.k} + place] = own; }
}`,
});

/** Writes positions: one workgroup a line, one choice a round. */
const byChoosing = (x: OperandShape, key: string, lines: Lines, writes: Ref): WgslDispatch => ({
  label: "TopK/choose",
  writes,
  reads: [{ name: "in0", from: { input: 0 } }],
  workgroupSize: [GROUP, 1, 1],
  workgroups: spread(lines.lines),
  code: `var<workgroup> keys: array<u32, ${GROUP}>;
var<workgroup> places: array<i32, ${GROUP}>;
${functionsOf(x, key, lines)}
fn kernel(index: i32) {
  let lane = i32(localIndex);
  let line = index / ${GROUP};
  let base = start(min(line, ${lines.lines - 1}));
  var lastKey = 0xffffffffu;
  var lastPlace = -1;
  for (var round = 0; round < ${lines.k}; round = round + 1) {
    var key = 0u;
    var place = ${lines.count};
    for (var i = lane; i < ${lines.count}; i = i + ${GROUP}) {
      let other = keyAt(base + i * ${lines.inner});
      let open = other < lastKey || (other == lastKey && i > lastPlace);
      if (open && (other > key || place == ${lines.count})) { key = other; place = i; }
    }
    keys[lane] = key;
    places[lane] = place;
    workgroupBarrier();
    key = keys[0];
    place = places[0];
    for (var p = 1; p < ${GROUP}; p = p + 1) {
      let better = places[p] < ${lines.count} && (place == ${lines.count} || keys[p] > key || (keys[p] == key && places[p] < place));
      if (better) { key = keys[p]; place = places[p]; }
    }
    lastKey = key;
    lastPlace = place;
    if (lane == 0 && line < ${lines.lines}) { result[line * ${lines.k} + round] = place; }
    workgroupBarrier();
  }
}`,
});

/** attrs: axis, largest, k. Results: values, indices. */
const topK: WgslKernel = ({ inputs: [x], outputs: [values, indices], attrs }) => {
  const shape = values?.shape ?? indices?.shape;
  if (!x || !shape || !isElement(x.dtype)) return undefined;
  const axis = intAttr(attrs, "axis");
  const largest = flagAttr(attrs, "largest");
  // NaN counts as the largest.
  const key = keyOf(x.dtype, largest, largest ? "0xffffffffu" : "0u");
  if (key === undefined || (indices && indices.dtype !== "int64")) return undefined;
  const count = x.shape[axis]!;
  const inner = sizeOf(x.shape.slice(axis + 1));
  const lines: Lines = { count, inner, lines: sizeOf(x.shape) / count, k: shape[axis]! };
  const chooses = count > SHORT && lines.k <= FEW;
  if (!chooses && lines.lines * count * count > MOST_PAIRS) return undefined;
  const positions = { temporary: 0 };
  const dispatches = [(chooses ? byChoosing : byCounting)(x, key, lines, positions)];
  // Positions lie line by line; results as the operand does.
  const place = `let outer = i32(e / ${inner * lines.k}u);
  let at = index_at0((outer * ${inner} + i32(e % ${inner}u)) * ${lines.k} + i32((e / ${inner}u) % ${lines.k}u));`;
  const index = { from: positions, dtype: "int32" } as const;
  if (values)
    dispatches.push(
      move({
        label: "TopK/values",
        writes: { output: 0 },
        ...values,
        bits: DTYPES[x.dtype].bits,
        sources: [{ from: { input: 0 } }],
        indices: [index],
        body: `${place} return load_in0((outer * ${count} + at) * ${inner} + i32(e % ${inner}u));`,
      }),
    );
  if (indices)
    dispatches.push(
      move({
        label: "TopK/indices",
        writes: { output: 1 },
        ...indices,
        bits: 64,
        sources: [],
        indices: [index],
        body: `${place} return vec2<i32>(at, 0);`,
      }),
    );
  return { temporaries: [{ dtype: "int32", shape: [lines.lines * lines.k] }], dispatches };
};

export const topKKernels: WgslTable = { TopK: topK };
