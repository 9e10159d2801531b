/** Data movement: elements change places, never values. */
import { broadcastStrides, clear, forEachIndex, sizeOf, stridesOf, writer } from "./access.ts";
import { flagAttr, intAttr, intsAttr, textAttr } from "./attributes.ts";
import { numberAttr, operand, result } from "./elementwise.ts";
import { copyStrided, mover, runMover } from "./strided.ts";
import type { Kernel, KernelCall, KernelTable, Tensor } from "./types.ts";

const dense = (tensor: Tensor): { tensor: Tensor; base: number; strides: number[] } => ({
  tensor,
  base: 0,
  strides: stridesOf(tensor.shape),
});

/** attrs: perm. */
const transpose: Kernel = (call) => {
  const x = operand(call, 0);
  const y = result(call);
  const own = stridesOf(x.shape);
  const strides = intsAttr(call.attrs, "perm").map((d) => own[d]!);
  copyStrided(y.shape, { tensor: x, base: 0, strides }, dense(y));
};

/** Repeats along dims of size 1 (NumPy broadcasting to the result's shape). */
const expand: Kernel = (call) => {
  const x = operand(call, 0);
  const y = result(call);
  copyStrided(y.shape, { tensor: x, base: 0, strides: broadcastStrides(x.shape, y.shape) }, dense(y));
};

/** attrs: axis. Any number of operands. */
const concat: Kernel = (call) => {
  const axis = intAttr(call.attrs, "axis");
  const y = result(call);
  const strides = stridesOf(y.shape);
  let at = 0;
  for (const x of call.inputs) {
    if (!x) continue;
    const shape = x.shape.length === 0 ? [1] : x.shape;
    copyStrided(shape, dense({ ...x, shape }), { tensor: y, base: at * strides[axis]!, strides });
    at += shape[axis]!;
  }
};

/** attrs: axis, starts (of each result along it). */
const split: Kernel = (call) => {
  const axis = intAttr(call.attrs, "axis");
  const starts = intsAttr(call.attrs, "starts");
  const x = operand(call, 0);
  const strides = stridesOf(x.shape);
  call.outputs.forEach((y, i) => {
    if (y) copyStrided(y.shape, { tensor: x, base: starts[i]! * strides[axis]!, strides }, dense(y));
  });
};

/** attrs: starts, steps, one for each dim. */
const slice: Kernel = (call) => {
  const x = operand(call, 0);
  const y = result(call);
  const own = stridesOf(x.shape);
  const starts = intsAttr(call.attrs, "starts");
  const strides = intsAttr(call.attrs, "steps").map((step, d) => step * own[d]!);
  copyStrided(
    y.shape,
    { tensor: x, base: starts.reduce((sum, start, d) => sum + start * own[d]!, 0), strides },
    dense(y),
  );
};

/** Repeats the whole operand along each dim. */
const tile: Kernel = (call) => {
  const x = operand(call, 0);
  const y = result(call);
  if (y.shape.includes(0)) return;
  const repeats = y.shape.map((dim, d) => dim / x.shape[d]!);
  const own = stridesOf(x.shape);
  const strides = stridesOf(y.shape);
  // Every dim as two: which copy, and where in it.
  const shape = repeats.flatMap((repeat, d) => [repeat, x.shape[d]!]);
  copyStrided(
    shape,
    { tensor: x, base: 0, strides: own.flatMap((stride) => [0, stride]) },
    { tensor: y, base: 0, strides: strides.flatMap((stride, d) => [stride * x.shape[d]!, stride]) },
  );
};

/** Index into a dim of `size` for a position outside it, or -1 for the constant. */
const PAD_INDEX: Readonly<Record<string, (i: number, size: number) => number>> = {
  constant: (i, size) => (i < 0 || i >= size ? -1 : i),
  edge: (i, size) => Math.min(Math.max(i, 0), size - 1),
  wrap: (i, size) => ((i % size) + size) % size,
  reflect(i, size) {
    if (size === 1) return 0;
    const period = 2 * (size - 1);
    const at = ((i % period) + period) % period;
    return at < size ? at : period - at;
  },
};

/** What fills the padding: operand 1, attribute `value` (opset 2), or zeros. */
function padFiller(call: KernelCall, y: Tensor): ((from: number, to: number) => void) | undefined {
  const value = call.inputs[1];
  if (value) return mover(value, y);
  if (!call.attrs.has("value")) return undefined;
  const write = writer(y);
  const number = numberAttr(call.attrs, "value");
  return (_, to) => write(to, number);
}

/** attrs: pads (before each dim; negative ones crop), mode. Operand 1, if any: the value. */
const pad: Kernel = (call) => {
  const x = operand(call, 0);
  const y = result(call);
  const before = intsAttr(call.attrs, "pads");
  const index = PAD_INDEX[textAttr(call.attrs, "mode")]!;
  const own = stridesOf(x.shape);
  const tables = y.shape.map((dim, d) =>
    Int32Array.from({ length: dim }, (_, i) => index(i - before[d]!, x.shape[d]!)),
  );
  const move = mover(x, y);
  const fill = padFiller(call, y);
  const at = y.shape.map(() => 0);
  const total = sizeOf(y.shape);
  if (fill === undefined) clear(y);
  for (let i = 0; i < total; i++) {
    let from = 0;
    for (let d = 0; d < at.length; d++) {
      const k = tables[d]![at[d]!]!;
      if (k < 0) {
        from = -1;
        break;
      }
      from += k * own[d]!;
    }
    if (from >= 0) move(from, i);
    else fill?.(0, i);
    for (let d = at.length - 1; d >= 0; d--) {
      at[d]!++;
      if (at[d]! < y.shape[d]!) break;
      at[d] = 0;
    }
  }
};

/** attrs: view (shape to read the operand in), perm. Serves DepthToSpace and SpaceToDepth. */
const reshapeTranspose: Kernel = (call) => {
  const x = operand(call, 0);
  const shape = intsAttr(call.attrs, "view");
  const perm = intsAttr(call.attrs, "perm");
  const own = stridesOf(shape);
  const moved = perm.map((d) => shape[d]!);
  copyStrided(
    moved,
    { tensor: x, base: 0, strides: perm.map((d) => own[d]!) },
    { tensor: result(call), base: 0, strides: stridesOf(moved) },
  );
};

/** attrs: batch, time (axes). Operand 1: lengths. */
const reverseSequence: Kernel = (call) => {
  const x = operand(call, 0);
  const y = result(call);
  const lengths = operand(call, 1).data;
  const batch = intAttr(call.attrs, "batch");
  const time = intAttr(call.attrs, "time");
  const strides = stridesOf(x.shape);
  const move = mover(x, y);
  const at = x.shape.map(() => 0);
  forEachIndex(x.shape, [strides], (i) => {
    const length = Number(lengths[at[batch]!]);
    const t = at[time]!;
    move(t < length ? i + (length - 1 - 2 * t) * strides[time]! : i, i);
    for (let d = at.length - 1; d >= 0; d--) {
      at[d]!++;
      if (at[d]! < x.shape[d]!) break;
      at[d] = 0;
    }
  });
};

/** attrs: upper, k. Zero outside the triangle of the last two dims. */
const trilu: Kernel = (call) => {
  const x = operand(call, 0);
  const y = result(call);
  const upper = flagAttr(call.attrs, "upper");
  const k = intAttr(call.attrs, "k");
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const matrices = sizeOf(x.shape) / Math.max(1, rows * columns);
  const move = runMover(x, y);
  clear(y);
  for (let m = 0; m < matrices; m++) {
    for (let r = 0; r < rows; r++) {
      const edge = Math.min(Math.max(r + k + (upper ? 0 : 1), 0), columns);
      const at = (m * rows + r) * columns;
      if (upper) move(at + edge, at + edge, columns - edge);
      else move(at, at, edge);
    }
  }
};

export const movementKernels: KernelTable = {
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
