/** Data movement: elements of any type change places, bit for bit. */
import { DTYPES } from "../../../ir/dtype.ts";
import { broadcastStrides, bytesOf, sizeOf, stridesOf, tensorOf } from "../../../kernels/access.ts";
import { flagAttr, intAttr, intsAttr, textAttr } from "../../../kernels/attributes.ts";
import { numberAttr } from "../../../kernels/elementwise.ts";
import { spread } from "./grid.ts";
import { merged, type Walk } from "./layout.ts";
import { fixedFunction, move, single, stridedMove, unitBits, unitElements, unitLiteral } from "./moves.ts";
import type { CallShape, OperandShape, Ref, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";

/** A kernel that reads its one operand by strides. */
const strided =
  (label: string, walkOf: (x: OperandShape, y: OperandShape, call: CallShape) => Walk): WgslKernel =>
  (call) => {
    const [x] = call.inputs;
    const [y] = call.outputs;
    if (!x || !y) return undefined;
    const walk = walkOf(x, y, call);
    const tile = tiledTranspose(label, y, walk);
    return single(tile ?? stridedMove(label, { input: 0 }, { output: 0 }, y, walk));
  };

const TILE = 32;
const TILE_ROWS = 8;

/**
 * A transposition of matrices of 4-byte elements through workgroup memory, so that both sides move
 * whole rows; undefined where the walk is no such thing, or too small to gain.
 */
function tiledTranspose(label: string, { dtype }: OperandShape, walk: Walk): WgslDispatch | undefined {
  const { shape, strides, base } = merged(walk);
  if (DTYPES[dtype].bits !== 32 || base !== 0 || shape.length < 2 || shape.length > 3) return undefined;
  const [rows, columns] = shape.slice(-2) as [number, number];
  const [rowStride, columnStride] = strides.slice(-2) as [number, number];
  const [matrices, matrixStride] = shape.length === 3 ? [shape[0]!, strides[0]!] : [1, 0];
  if (rowStride !== 1 || columnStride < rows || rows < TILE || columns < TILE) return undefined;
  const [down, across] = [Math.ceil(rows / TILE), Math.ceil(columns / TILE)];
  const tiles = down * across * matrices;
  const element = dtype === "float32" ? "f32" : "i32";
  return {
    label: `${label}/tiled`,
    writes: { output: 0 },
    reads: [{ name: "in0", from: { input: 0 } }],
    workgroupSize: [TILE * TILE_ROWS, 1, 1],
    workgroups: spread(tiles),
    code: `var<workgroup> tile: array<${element}, ${TILE * (TILE + 1)}>;
fn kernel(index: i32) {
  let group = index / ${TILE * TILE_ROWS};
  let lane = i32(localIndex) % ${TILE};
  let line = i32(localIndex) / ${TILE};
  let matrix = group / ${down * across};
  let row = ((group / ${across}) % ${down}) * ${TILE};
  let column = (group % ${across}) * ${TILE};
  for (var k = 0; k < ${TILE}; k = k + ${TILE_ROWS}) {
    if (matrix < ${matrices} && row + lane < ${rows} && column + line + k < ${columns}) {
      tile[(line + k) * ${TILE + 1} + lane] = in0[matrix * ${matrixStride} + (column + line + k) * ${columnStride} + row + lane];
    }
  }
  workgroupBarrier();
  for (var k = 0; k < ${TILE}; k = k + ${TILE_ROWS}) {
    if (matrix < ${matrices} && row + line + k < ${rows} && column + lane < ${columns}) {
      result[(matrix * ${rows} + row + line + k) * ${columns} + column + lane] = tile[lane * ${TILE + 1} + line + k];
    }
  }
}`,
  };
}

const transpose = strided("Transpose", (x, y, { attrs }) => {
  const own = stridesOf(x.shape);
  return { shape: y.shape, strides: intsAttr(attrs, "perm").map((d) => own[d]!), base: 0 };
});

const reshapeTranspose = strided("ReshapeTranspose", (_x, _y, { attrs }) => {
  const view = intsAttr(attrs, "view");
  const own = stridesOf(view);
  const perm = intsAttr(attrs, "perm");
  return { shape: perm.map((d) => view[d]!), strides: perm.map((d) => own[d]!), base: 0 };
});

const expand = strided("Expand", (x, y) => ({ shape: y.shape, strides: broadcastStrides(x.shape, y.shape), base: 0 }));

const slice = strided("Slice", (x, y, { attrs }) => {
  const own = stridesOf(x.shape);
  return {
    shape: y.shape,
    strides: intsAttr(attrs, "steps").map((step, d) => step * own[d]!),
    base: intsAttr(attrs, "starts").reduce((sum, start, d) => sum + start * own[d]!, 0),
  };
});

/** Every dim as two: which copy, and where in it. */
const tile = strided("Tile", (x, y) => {
  const own = stridesOf(x.shape);
  return {
    shape: y.shape.flatMap((dim, d) => [dim / x.shape[d]!, x.shape[d]!]),
    strides: own.flatMap((stride) => [0, stride]),
    base: 0,
  };
});

const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** attrs: axis, starts. One dispatch a result. */
const split: WgslKernel = ({ inputs: [x], outputs, attrs }) => {
  if (!x) return undefined;
  const axis = intAttr(attrs, "axis");
  const starts = intsAttr(attrs, "starts");
  const strides = stridesOf(x.shape);
  const dispatches = outputs.flatMap((y, output) =>
    y
      ? [
          stridedMove("Split", { input: 0 }, { output }, y, {
            shape: y.shape,
            strides,
            base: starts[output]! * strides[axis]!,
          }),
        ]
      : [],
  );
  return { temporaries: [], dispatches };
};

/** Most operands that one dispatch joins: 8 bindings less the result. */
const MOST_JOINED = 7;

interface Part {
  readonly from: Ref;
  /** Elements of one row. */
  readonly row: number;
}

/** Rows of several tensors side by side. */
function join(parts: readonly Part[], writes: Ref, type: OperandShape): WgslDispatch {
  const bits = unitBits(type.dtype, parts.map(({ row }) => row).reduce(gcd));
  const units = unitElements(type.dtype, bits);
  const total = parts.reduce((sum, { row }) => sum + row, 0) / units;
  let start = 0;
  const branches = parts.map(({ row }, n) => {
    const own = row / units;
    const text = `return load_in${n}(row * ${own} + column - ${start});`;
    start += own;
    return n === parts.length - 1 ? text : `if (column < ${start}) { ${text} }`;
  });
  const sources = parts.map(({ from }) => ({ from }));
  const body = `let row = i32(e / ${total}u); let column = i32(e % ${total}u); ${branches.join("\n  ")}`;
  return move({ label: "Concat", writes, ...type, bits, sources, body });
}

/** attrs: axis. More operands than one dispatch can bind are joined in a tree. */
const concat: WgslKernel = ({ inputs, outputs: [y], attrs }) => {
  if (!y) return undefined;
  const axis = intAttr(attrs, "axis");
  const rows = product(y.shape.slice(0, axis));
  let parts: readonly Part[] = inputs.flatMap((x, input) =>
    x ? [{ from: { input }, row: sizeOf(x.shape) / rows }] : [],
  );
  const temporaries: OperandShape[] = [];
  const dispatches: WgslDispatch[] = [];
  while (parts.length > MOST_JOINED) {
    // As few levels as possible, and as few operands joined early: the first groups only.
    const surplus = parts.length - MOST_JOINED;
    const groups = Math.min(Math.ceil(surplus / (MOST_JOINED - 1)), Math.floor(parts.length / 2));
    const next: Part[] = [];
    let at = 0;
    for (let g = 0; g < groups; g++) {
      const group = parts.slice(at, at + MOST_JOINED);
      at += group.length;
      if (group.length === 1) next.push(group[0]!);
      else if (group.length > 1) {
        const row = group.reduce((sum, part) => sum + part.row, 0);
        const type = { dtype: y.dtype, shape: [rows, row] };
        const from = { temporary: temporaries.push(type) - 1 };
        dispatches.push(join(group, from, type));
        next.push({ from, row });
      }
    }
    parts = [...next, ...parts.slice(at)];
  }
  // A temporary is one of a whole tensor: its words are shared by no other.
  dispatches.push(join(parts, { output: 0 }, y));
  return { temporaries, dispatches };
};

/** WGSL of the operand's position for position i of a dim. */
const PAD_INDEX: Readonly<Record<string, (i: string, size: number) => string>> = {
  constant: (i) => i,
  edge: (i, size) => `clamp(${i}, 0, ${size - 1})`,
  wrap: (i, size) => `(((${i}) % ${size} + ${size}) % ${size})`,
  reflect: (i, size) => {
    if (size === 1) return "0";
    const period = 2 * (size - 1);
    return `(${size - 1} - abs(((${i}) % ${period} + ${period}) % ${period} - ${size - 1}))`;
  },
};

/** attrs: pads (before each dim; negative ones crop), mode, value. Operand 1, if any: the value. */
const pad: WgslKernel = ({ inputs: [x, value], outputs: [y], attrs }) => {
  if (!x || !y) return undefined;
  const mode = textAttr(attrs, "mode");
  const before = intsAttr(attrs, "pads");
  const index = PAD_INDEX[mode];
  if (index === undefined || DTYPES[x.dtype].bits < 8) return undefined;
  // Trailing dims without padding move as runs, and so do multiples of them in the last padded dim.
  let last = x.shape.length - 1;
  while (last > 0 && before[last] === 0 && x.shape[last] === y.shape[last]) last--;
  const inner = product(x.shape.slice(last + 1));
  const run =
    x.shape.length === 0
      ? 1
      : mode === "constant"
        ? gcd(gcd(x.shape[last]! * inner, y.shape[last]! * inner), Math.abs(before[last]!) * inner)
        : inner;
  // A binding that no code uses would not be in the layout.
  const fillsByOperand =
    value && mode === "constant" && x.shape.some((dim, d) => before[d] !== 0 || dim !== y.shape[d]);
  const bits = fillsByOperand ? DTYPES[x.dtype].bits : unitBits(x.dtype, run);
  const units = unitElements(x.dtype, bits);
  // The dims from the last padded one on as one dim of units; for other modes, a unit never crosses a position.
  const joined = mode === "constant";
  const scale = (shape: readonly number[]): number[] =>
    x.shape.length === 0
      ? []
      : joined
        ? [...shape.slice(0, last), (shape[last]! * inner) / units]
        : [...shape.slice(0, last + 1), inner / units];
  const from = scale(x.shape);
  const to = scale(y.shape);
  const shifts =
    x.shape.length === 0
      ? []
      : joined
        ? [...before.slice(0, last), (before[last]! * inner) / units]
        : [...before.slice(0, last + 1), 0];
  const own = stridesOf(from);
  const fill = attrs.has("value") ? tensorOf(x.dtype, [1], [numberAttr(attrs, "value")]) : undefined;
  const filler = fillsByOperand
    ? "load_in1(0)"
    : fill === undefined
      ? "Unit()"
      : unitLiteral(x.dtype, bits, bytesOf(fill));
  let step = 1;
  const lines: string[] = [];
  const terms: string[] = ["0"];
  for (let d = to.length - 1; d >= 0; d--) {
    const high = step === 1 ? "e" : `(e / ${step}u)`;
    const raw = `i32(${d === 0 ? high : `${high} % ${to[d]}u`}) - (${shifts[d]})`;
    const padded = shifts[d] !== 0 || from[d] !== to[d];
    lines.push(`let p${d} = ${padded ? index(raw, from[d]!) : raw};`);
    if (mode === "constant" && padded) lines.push(`if (p${d} < 0 || p${d} >= ${from[d]}) { return ${filler}; }`);
    terms.push(`p${d} * ${own[d]}`);
    step *= to[d]!;
  }
  const dispatch = move({
    label: "Pad",
    writes: { output: 0 },
    ...y,
    bits,
    sources: [{ from: { input: 0 } }, ...(fillsByOperand ? [{ from: { input: 1 } }] : [])],
    body: `${lines.join("\n  ")}\n  return load_in0(${terms.join(" + ")});`,
  });
  return single({ ...dispatch, code: `${fixedFunction}${dispatch.code}` });
};

/** attrs: batch, time (axes). Operand 1: lengths. */
const reverseSequence: WgslKernel = ({ inputs: [x, lengths], outputs: [y], attrs }) => {
  if (!x || !y || !lengths) return undefined;
  const batch = intAttr(attrs, "batch");
  const time = intAttr(attrs, "time");
  const inner = product(x.shape.slice(Math.max(batch, time) + 1));
  const bits = unitBits(x.dtype, inner);
  const units = unitElements(x.dtype, bits);
  const strides = stridesOf(x.shape).map((stride) => stride / units);
  const coordinate = (d: number): string => `i32((e / ${strides[d]}u) % ${x.shape[d]}u)`;
  return single(
    move({
      label: "ReverseSequence",
      writes: { output: 0 },
      ...y,
      bits,
      sources: [{ from: { input: 0 } }],
      indices: [{ from: { input: 1 }, dtype: lengths.dtype }],
      body: `let t = ${coordinate(time)};
  let length = index_at0(${coordinate(batch)});
  return load_in0(i32(e) + select(0, (length - 1 - 2 * t) * ${strides[time]}, t < length));`,
    }),
  );
};

/** attrs: upper, k. Zero outside the triangle of the last two dims. */
const trilu: WgslKernel = ({ inputs: [x], outputs: [y], attrs }) => {
  if (!x || !y) return undefined;
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const k = Math.max(-(2 ** 30), Math.min(2 ** 30, intAttr(attrs, "k")));
  const keeps = flagAttr(attrs, "upper") ? ">=" : "<=";
  return single(
    move({
      label: "Trilu",
      writes: { output: 0 },
      ...y,
      bits: DTYPES[x.dtype].bits,
      sources: [{ from: { input: 0 }, overwrite: true }],
      body: `let column = i32(e % ${columns}u);
  let row = i32((e / ${columns}u) % ${rows}u);
  if (column - row ${keeps} (${k})) { return load_in0(i32(e)); }
  return Unit();`,
    }),
  );
};

export const movementKernels: WgslTable = {
  Transpose: transpose,
  Expand: expand,
  Concat: concat,
  Split: split,
  Slice: slice,
  Tile: tile,
  Pad: pad,
  PadValue: pad,
  ReshapeTranspose: reshapeTranspose,
  ReverseSequence: reverseSequence,
  Trilu: trilu,
};
