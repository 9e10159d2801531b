/** Data movement by strides: what lies together moves as one run, two dims around it in WebAssembly. */
import { DTYPES } from "../../../ir/dtype.ts";
import { broadcastStrides, sizeOf, stridesOf } from "../../../kernels/access.ts";
import { ints, type StepShape } from "../tfjs-kernels.ts";
import { add, forUp, get, int, seq, set, setRow, type Local } from "./code.ts";
import { defineFunction, type WasmFunction } from "./module.ts";
import type { OwnSelector, OwnStep } from "./steps.ts";

/**
 * Runs of words. Parameters: from, to, blocks, bytes from block to block on both sides, runs of a block, bytes
 * from run to run on both sides, bytes of a run.
 */
const move = defineFunction(
  "move",
  ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
  ([from, to, blocks, fromBlock, toBlock, runs, fromRun, toRun, bytes], local) => {
    const [block, run, at, x, y] = Array.from({ length: 5 }, () => local("i32")) as [Local, Local, Local, Local, Local];
    return forUp(
      block,
      get(blocks),
      1,
      seq(
        set(run, int(0)),
        set(x, get(from)),
        set(y, get(to)),
        forUp(
          run,
          get(runs),
          1,
          seq(
            setRow(y, at, bytes, (read) => read(add(get(x), get(at)))),
            set(x, add(get(x), get(fromRun))),
            set(y, add(get(y), get(toRun))),
          ),
        ),
        set(from, add(get(from), get(fromBlock))),
        set(to, add(get(to), get(toBlock))),
      ),
    );
  },
);

/** One operand's way into one result: offsets and strides in elements. */
interface Way {
  readonly input: number;
  readonly output: number;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
  readonly fromStrides: readonly number[];
  readonly toStrides: readonly number[];
}

/** Dims from outside in, those merged that lie together on both sides. */
function merged({ shape, fromStrides, toStrides }: Way): (readonly [count: number, from: number, to: number])[] {
  const dims: [number, number, number][] = [];
  shape.forEach((count, d) => {
    if (count === 1) return;
    const last = dims.at(-1);
    const [from, to] = [fromStrides[d]!, toStrides[d]!];
    if (last !== undefined && last[1] === from * count && last[2] === to * count)
      dims[dims.length - 1] = [last[0] * count, from, to];
    else dims.push([count, from, to]);
  });
  return dims;
}

/** Every offset of some dims, on both sides, in bytes. */
function offsetsOf(dims: readonly (readonly [number, number, number])[], width: number): Int32Array {
  let pairs: (readonly [number, number])[] = [[0, 0]];
  for (const [count, from, to] of dims)
    pairs = pairs.flatMap(([x, y]) => Array.from({ length: count }, (_, i) => [x + i * from, y + i * to] as const));
  return Int32Array.from(pairs.flat(), (offset) => width * offset);
}

/** The copies of a step whose elements are whole words. */
function moves(dtype: keyof typeof DTYPES, ways: readonly Way[]): OwnStep | undefined {
  const { bits } = DTYPES[dtype];
  if (bits % 32 !== 0) return undefined;
  const width = bits / 8;
  const plans = ways
    .filter(({ shape }) => sizeOf(shape) > 0)
    .map((way) => {
      const dims = merged(way);
      const inner = dims.at(-1);
      const isRun = inner !== undefined && inner[1] === 1 && inner[2] === 1;
      const bytes = width * (isRun ? inner[0] : 1);
      const outer = isRun ? dims.slice(0, -1) : dims;
      const [blocks, runs] = [outer.at(-2) ?? [1, 0, 0], outer.at(-1) ?? [1, 0, 0]] as const;
      const loops = [blocks, runs].flatMap(([count, from, to]) => [count, width * from, width * to]);
      return { way, offsets: offsetsOf(outer.slice(0, -2), width), loops, bytes };
    });
  return {
    scratch: [],
    bind({ functions, input, output }) {
      const f = functions["move"]!;
      const calls = plans.map(({ way, offsets, loops, bytes }) => ({
        from: input(way.input) + width * way.from,
        to: output(way.output) + width * way.to,
        offsets,
        loops: loops as [number, number, number, number, number, number],
        bytes,
      }));
      return () => {
        for (const { from, to, offsets, loops, bytes } of calls)
          for (let i = 0; i < offsets.length; i += 2)
            f(
              from + offsets[i]!,
              to + offsets[i + 1]!,
              loops[0],
              loops[1],
              loops[2],
              loops[3],
              loops[4],
              loops[5],
              bytes,
            );
      };
    },
  };
}

/** One operand, one result, which is dense. */
const dense = (
  { inputs, outputs }: StepShape,
  way: (x: readonly number[], y: readonly number[]) => { readonly from?: number; readonly strides: readonly number[] },
): OwnStep | undefined => {
  const [x] = inputs;
  const [y] = outputs;
  if (!x || !y) return undefined;
  const { from = 0, strides } = way(x.shape, y.shape);
  const toStrides = stridesOf(y.shape);
  return moves(x.dtype, [{ input: 0, output: 0, shape: y.shape, from, to: 0, fromStrides: strides, toStrides }]);
};

/** attrs: axis. */
export const concat: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [y] = outputs;
  if (!y) return undefined;
  const axis = Number(attrs.get("axis"));
  const toStrides = stridesOf(y.shape);
  let at = 0;
  const ways = inputs.flatMap((x, input): Way[] => {
    if (!x) return [];
    const shape = x.shape.length === 0 ? [1] : x.shape;
    const to = at * toStrides[axis]!;
    at += shape[axis]!;
    return [{ input, output: 0, shape, from: 0, to, fromStrides: stridesOf(shape), toStrides }];
  });
  return moves(y.dtype, ways);
};

/** attrs: axis, starts (of each result along it). */
export const split: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x] = inputs;
  const starts = ints(attrs, "starts");
  if (!x || !starts) return undefined;
  const fromStrides = stridesOf(x.shape);
  const step = fromStrides[Number(attrs.get("axis"))]!;
  const ways = outputs.flatMap((y, output): Way[] =>
    y
      ? [
          {
            input: 0,
            output,
            shape: y.shape,
            from: starts[output]! * step,
            to: 0,
            fromStrides,
            toStrides: stridesOf(y.shape),
          },
        ]
      : [],
  );
  return moves(x.dtype, ways);
};

/** attrs: starts, steps, one for each dim. */
export const slice: OwnSelector = (step) => {
  const [starts, steps] = [ints(step.attrs, "starts"), ints(step.attrs, "steps")];
  if (!starts || !steps) return undefined;
  return dense(step, (x) => {
    const own = stridesOf(x);
    return {
      from: starts.reduce((sum, start, d) => sum + start * own[d]!, 0),
      strides: steps.map((by, d) => by * own[d]!),
    };
  });
};

export const expand: OwnSelector = (step) => dense(step, (x, y) => ({ strides: broadcastStrides(x, y) }));

/** attrs: perm. Where TensorFlow.js has no kernel. */
export const transpose: OwnSelector = (step) => {
  const perm = ints(step.attrs, "perm");
  if (!perm) return undefined;
  return dense(step, (x) => {
    const own = stridesOf(x);
    return { strides: perm.map((d) => own[d]!) };
  });
};

export const MOVES: readonly WasmFunction[] = [move];
