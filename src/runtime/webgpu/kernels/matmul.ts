/** MatMul, Gemm and FusedMatMul on float32 and float16, batches broadcast. */
import { sizeOf } from "../../../kernels/access.ts";
import type { AttrValue } from "../../../ir/types.ts";
import { offsetOf } from "./layout.ts";
import {
  accumulators,
  each,
  groupFor,
  loadVector,
  multiply,
  range,
  storeVector,
  tileFor,
  vectorComponents,
  type Stored,
} from "./product.ts";
import type { OperandShape, WgslCall, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";

/** Rows up to which the depth is split over a workgroup. */
const SHORT_ROWS = 4;
/** Invocations that share one short product's depth, and vectors of columns of a workgroup. */
const SPLITS = 8;
const SHORT_ACROSS = 16;
/** Depth from which splitting pays. */
const LEAST_SPLIT_DEPTH = 64;

interface Product {
  readonly label: string;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly batch: readonly number[];
  readonly a: OperandShape;
  readonly b: OperandShape;
  /** Strides of each batch dim, in elements of the operand. */
  readonly aStrides: readonly number[];
  readonly bStrides: readonly number[];
  /** B is stored [columns, depth]. */
  readonly transposed: boolean;
  readonly alpha: number;
  /** Operand position and meaning of what is added: one value, one a column, or one a row and column. */
  readonly bias?: {
    readonly input: number;
    readonly type: OperandShape;
    readonly form: "columns" | "full";
    readonly beta: number;
  };
  readonly result: OperandShape;
}

const isStored = ({ dtype }: OperandShape): boolean => dtype === "float32" || dtype === "float16";

const stored = ({ dtype }: OperandShape): Stored => (dtype === "float16" ? "float16" : "float32");

/** Whether vectors of four can be read and written everywhere. */
const isVectored = ({ columns, depth, transposed, a, b, result }: Product): boolean =>
  columns % 4 === 0 && depth % 4 === 0 && (transposed || true) && [a, b, result].every(isStored);

function batchStrides(shape: readonly number[], batch: readonly number[]): number[] {
  const own = shape.slice(0, -2);
  const lead = batch.length - own.length;
  let stride = shape.at(-2)! * shape.at(-1)!;
  const strides = batch.map(() => 0);
  for (let d = own.length - 1; d >= 0; d--) {
    strides[lead + d] = own[d] === 1 ? 0 : stride;
    stride *= own[d]!;
  }
  return strides;
}

/** WGSL (i32): offset of the batch in elements. */
const batchOffset = (strides: readonly number[], batch: readonly number[]): string =>
  offsetOf({ shape: batch, strides, base: 0 }, "batch");

const finish = (product: Product, value: string, row: string, vector: string): string => {
  const scaled = product.alpha === 1 ? value : `${value} * ${product.alpha}f`;
  const { bias } = product;
  if (bias === undefined) return scaled;
  const at = bias.form === "columns" ? vector : `(${row}) * ${product.columns / 4} + ${vector}`;
  const term = bias.beta === 1 ? `loadC(${at})` : `loadC(${at}) * ${bias.beta}f`;
  return `${scaled} + ${term}`;
};

function readsOf(product: Product): WgslDispatch["reads"] {
  const { a, b, bias } = product;
  return [
    { name: "A", from: { input: 0 }, components: vectorComponents(stored(a)) },
    { name: "B", from: { input: 1 }, components: vectorComponents(stored(b)) },
    ...(bias === undefined
      ? []
      : [{ name: "C", from: { input: bias.input }, components: vectorComponents(stored(bias.type)) } as const]),
  ];
}

const loads = (product: Product): string =>
  [
    loadVector("loadA", "A", stored(product.a)),
    loadVector("loadB", "B", stored(product.b)),
    product.bias === undefined ? "" : loadVector("loadC", "C", stored(product.bias.type)),
    storeVector(stored(product.result)),
  ].join("\n");

/** A tile of results an invocation. */
function tiled(product: Product): WgslDispatch {
  const { rows, columns, depth, batch, transposed } = product;
  const tile = tileFor(rows * sizeOf(batch), columns);
  const tileRows = Math.min(tile.rows, rows);
  const shape = { rows: tileRows, vectors: tile.vectors };
  const columnTiles = Math.ceil(columns / (4 * tile.vectors));
  const rowTiles = Math.ceil(rows / tileRows);
  const [across, down] = groupFor(columnTiles, rowTiles);
  const depth4 = depth / 4;
  const columns4 = columns / 4;
  // Past the edge, the last row or vector is computed again and not written.
  const rowOf = (r: number): string => (rows % tileRows === 0 ? `row + ${r}` : `min(row + ${r}, ${rows - 1})`);
  const vectorOf = (v: number): string =>
    columns4 % tile.vectors === 0 ? `vector + ${v}` : `min(vector + ${v}, ${columns4 - 1})`;
  const body = transposed
    ? each(tile.vectors, (v) =>
        each(4, (c) => `let t${v}_${c} = loadB(bAt + (4 * (${vectorOf(v)}) + ${c}) * ${depth4} + k);`),
      ) +
      each(tileRows, (r) =>
        each(
          tile.vectors,
          (v) =>
            `s${r}_${v} += vec4<f32>(${range(4)
              .map((c) => `dot(a${r}, t${v}_${c})`)
              .join(", ")});`,
        ),
      )
    : each(4, (j) =>
        each(tile.vectors, (v) => `let b${j}_${v} = loadB(bAt + (4 * k + ${j}) * ${columns4} + ${vectorOf(v)});`),
      ) + multiply(shape);
  return {
    label: product.label,
    writes: { output: 0 },
    writeComponents: vectorComponents(stored(product.result)),
    reads: readsOf(product),
    workgroupSize: [across, down, 1],
    workgroups: [Math.ceil(columnTiles / across), Math.ceil(rowTiles / down), sizeOf(batch)],
    code: `${loads(product)}
fn kernel(index: i32) {
  let batch = workgroupId.z;
  let vector = i32(globalId.x) * ${tile.vectors};
  let row = i32(globalId.y) * ${tileRows};
  if (vector >= ${columns4} || row >= ${rows}) { return; }
  let aAt = (${batchOffset(product.aStrides, batch)}) / 4;
  let bAt = (${batchOffset(product.bStrides, batch)}) / 4;
  ${each(tileRows, (r) => `let start${r} = aAt + (${rowOf(r)}) * ${depth4};`)}
  ${accumulators(shape)}
  for (var k = 0; k < ${depth4}; k++) {
    ${each(tileRows, (r) => `let a${r} = loadA(start${r} + k);`)}
    ${body}
  }
  let to = i32(batch) * ${rows * columns4};
  ${each(tileRows, (r) =>
    each(
      tile.vectors,
      (v) =>
        `if (row + ${r} < ${rows} && vector + ${v} < ${columns4}) { put(to + (row + ${r}) * ${columns4} + vector + ${v}, ${finish(product, `s${r}_${v}`, `row + ${r}`, `vector + ${v}`)}); }`,
    ),
  )}
}`,
  };
}

/** Few rows: the depth is dealt out to the invocations of a workgroup, whose sums are added in order. */
function short(product: Product): WgslDispatch {
  const { rows, columns, depth, batch } = product;
  const columns4 = columns / 4;
  const depth4 = depth / 4;
  const invocations = SPLITS * SHORT_ACROSS;
  return {
    label: product.label,
    writes: { output: 0 },
    writeComponents: vectorComponents(stored(product.result)),
    reads: readsOf(product),
    workgroupSize: [SHORT_ACROSS, SPLITS, 1],
    workgroups: [Math.ceil(columns4 / SHORT_ACROSS), 1, sizeOf(batch)],
    code: `${loads(product)}
var<workgroup> sums: array<vec4<f32>, ${invocations * rows}>;
fn kernel(index: i32) {
  let batch = workgroupId.z;
  let vector = i32(globalId.x);
  let column = min(vector, ${columns4 - 1});
  let split = i32(localId.y);
  let aAt = (${batchOffset(product.aStrides, batch)}) / 4;
  let bAt = (${batchOffset(product.bStrides, batch)}) / 4 + column;
  ${accumulators({ rows, vectors: 1 })}
  for (var k = split; k < ${depth4}; k += ${SPLITS}) {
    ${each(rows, (r) => `let a${r} = loadA(aAt + ${r * depth4} + k);`)}
    ${each(4, (j) => `let b${j}_0 = loadB(bAt + (4 * k + ${j}) * ${columns4});`)}
    ${multiply({ rows, vectors: 1 })}
  }
  let lane = i32(localIndex);
  ${each(rows, (r) => `sums[${r * invocations} + lane] = s${r}_0;`)}
  workgroupBarrier();
  if (split == 0 && vector < ${columns4}) {
    let to = i32(batch) * ${rows * columns4} + vector;
    ${each(
      rows,
      (r) => `var t${r} = sums[${r * invocations} + lane];
    for (var i = 1; i < ${SPLITS}; i++) { t${r} += sums[${r * invocations} + i * ${SHORT_ACROSS} + lane]; }
    put(to + ${r * columns4}, ${finish(product, `t${r}`, String(r), "vector")});`,
    )}
  }
}`,
  };
}

/** Any sizes, one result an invocation; float32 alone. */
function plain(product: Product): WgslDispatch | undefined {
  const { rows, columns, depth, batch, transposed, a, b, result, bias } = product;
  if ([a, b, result, ...(bias === undefined ? [] : [bias.type])].some(({ dtype }) => dtype !== "float32"))
    return undefined;
  const across = columns >= 64 ? 64 : columns >= 16 ? 16 : columns >= 4 ? 4 : 1;
  const down = Math.max(1, Math.min(64 / across, rows));
  const right = transposed ? `B[bAt + column * ${depth} + k]` : `B[bAt + k * ${columns} + column]`;
  const scaled = product.alpha === 1 ? "sum" : `sum * ${product.alpha}f`;
  const at = bias?.form === "columns" ? "column" : `row * ${columns} + column`;
  const total = bias === undefined ? scaled : `${scaled} + C[${at}]${bias.beta === 1 ? "" : ` * ${bias.beta}f`}`;
  // Four partial sums: shorter chains of additions, so less rounding.
  return {
    label: product.label,
    writes: { output: 0 },
    reads: readsOf(product).map(({ name, from }) => ({ name, from })),
    workgroupSize: [across, down, 1],
    workgroups: [Math.ceil(columns / across), Math.ceil(rows / down), sizeOf(batch)],
    code: `fn kernel(index: i32) {
  let batch = workgroupId.z;
  let column = i32(globalId.x);
  let row = i32(globalId.y);
  if (column >= ${columns} || row >= ${rows}) { return; }
  let aAt = ${batchOffset(product.aStrides, batch)} + row * ${depth};
  let bAt = ${batchOffset(product.bStrides, batch)};
  var parts = vec4<f32>(0.0);
  var k = 0;
  for (; k + 3 < ${depth}; k += 4) {
    parts = fma(
      vec4<f32>(A[aAt + k], A[aAt + k + 1], A[aAt + k + 2], A[aAt + k + 3]),
      vec4<f32>(${range(4)
        .map((j) => right.replace(/\bk\b/g, `(k + ${j})`))
        .join(", ")}), parts);
  }
  var sum = (parts.x + parts.y) + (parts.z + parts.w);
  for (; k < ${depth}; k++) { sum = fma(A[aAt + k], ${right}, sum); }
  result[i32(batch) * ${rows * columns} + row * ${columns} + column] = ${total};
}`,
  };
}

const LARGEST_GRID = 65535;

function callOf(product: Product): WgslCall | undefined {
  if (!isStored(product.a) || !isStored(product.b) || !isStored(product.result)) return undefined;
  const { bias } = product;
  if (bias !== undefined && !isStored(bias.type)) return undefined;
  let dispatch: WgslDispatch | undefined;
  if (isVectored(product)) {
    const isShort = product.rows <= SHORT_ROWS && product.depth >= LEAST_SPLIT_DEPTH && !product.transposed;
    dispatch = isShort ? short(product) : tiled(product);
  } else dispatch = plain(product);
  if (dispatch === undefined || dispatch.workgroups.some((count) => count > LARGEST_GRID)) return undefined;
  return { temporaries: [], dispatches: [dispatch] };
}

const matMul: WgslKernel = ({ inputs: [a, b], outputs: [result] }) => {
  if (!a || !b || !result || a.shape.length < 1 || b.shape.length < 1) return undefined;
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
  const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
  const [rows, depth] = left.slice(-2) as [number, number];
  const columns = right.at(-1)!;
  const rank = Math.max(left.length, right.length) - 2;
  const dim = (shape: readonly number[], d: number): number => shape.at(d - rank - 2) ?? 1;
  const batch = Array.from({ length: rank }, (_, d) => Math.max(dim(left, d), dim(right, d)));
  // One right matrix for all: the batches of the left are more rows.
  const shared = sizeOf(right.slice(0, -2)) === 1;
  return callOf({
    label: "MatMul",
    rows: shared ? rows * sizeOf(batch) : rows,
    columns,
    depth,
    batch: shared ? [] : batch,
    a,
    b,
    aStrides: shared ? [] : batchStrides(left, batch),
    bStrides: shared ? [] : batchStrides(right, batch),
    transposed: false,
    alpha: 1,
    result,
  });
};

const numberOf = (attrs: ReadonlyMap<string, AttrValue>, name: string): number => Number(attrs.get(name) ?? 1);

const gemm: WgslKernel = ({ inputs: [a, b, c], outputs: [result], attrs }) => {
  if (!a || !b || !result || attrs.get("transA")) return undefined;
  const transposed = Boolean(attrs.get("transB"));
  const [rows, depth] = a.shape as [number, number];
  const columns = result.shape[1]!;
  const form = c == null ? undefined : biasForm(c.shape, rows, columns);
  if (c && form === undefined) return undefined;
  return callOf({
    label: "Gemm",
    rows,
    columns,
    depth,
    batch: [],
    a,
    b,
    aStrides: [],
    bStrides: [],
    transposed,
    alpha: numberOf(attrs, "alpha"),
    ...(c && form !== undefined ? { bias: { input: 2, type: c, form, beta: numberOf(attrs, "beta") } } : {}),
    result,
  });
};

function biasForm(shape: readonly number[], rows: number, columns: number): "columns" | "full" | undefined {
  if (sizeOf(shape) === columns && shape.at(-1) === columns) return "columns";
  return shape.length === 2 && shape[0] === rows && shape[1] === columns ? "full" : undefined;
}

export const matmulKernels: WgslTable = { MatMul: matMul, Gemm: gemm };
