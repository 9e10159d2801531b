/** Sums, means and extremes of float32 over dims that lie together: of rows, or of the columns of blocks. */
import { sizeOf } from "../../../kernels/access.ts";
import { ints } from "../tfjs-kernels.ts";
import {
  add,
  addV,
  alongRow,
  forUp,
  get,
  int,
  load,
  loadOne,
  loadSplat,
  maxLanes,
  maxV,
  minLanes,
  minV,
  mul,
  mulV,
  seq,
  set,
  splat,
  storeOne,
  sumLanes,
  vector,
  whole,
  type Code,
  type Local,
} from "./code.ts";
import { defineFunction, type WasmFunction } from "./module.ts";
import type { OwnSelector } from "./steps.ts";

const FLOAT = 4;
/** Terms of one running sum in float32: more go to the reference kernel, which sums in double. */
const TERMS = 4096;

interface Fold {
  readonly name: string;
  readonly start: number;
  readonly combine: (a: Code, b: Code) => Code;
  readonly lanes: (value: Local) => Code;
  /** One float as a vector that combines to itself. */
  readonly one: (address: Code) => Code;
}

const FOLDS: readonly Fold[] = [
  { name: "sum", start: 0, combine: addV, lanes: sumLanes, one: loadOne },
  { name: "max", start: -Infinity, combine: maxV, lanes: maxLanes, one: loadSplat },
  { name: "min", start: Infinity, combine: minV, lanes: minLanes, one: loadSplat },
];

/** Parameters: x, y, rows, bytes of a row, factor. */
const rowsOf = ({ name, start, combine, lanes, one }: Fold): WasmFunction =>
  defineFunction(`${name}Rows`, ["i32", "i32", "i32", "i32", "f32"], ([x, y, rows, bytes, factor], local) => {
    const [row, at, value] = [local("i32"), local("i32"), local("v128")];
    const here = add(get(x), get(at));
    return forUp(
      row,
      get(rows),
      1,
      seq(
        set(at, int(0)),
        set(value, vector(start)),
        forUp(at, whole(bytes), 16, set(value, combine(get(value), load(here)))),
        forUp(at, get(bytes), 4, set(value, combine(get(value), one(here)))),
        storeOne(get(y), mulV(splat(lanes(value)), splat(get(factor)))),
        set(x, add(get(x), get(bytes))),
        set(y, add(get(y), int(4))),
      ),
    );
  });

/** Parameters: x, y, blocks, rows of a block, bytes of a row, factor. */
const columnsOf = ({ name, start, combine }: Fold): WasmFunction =>
  defineFunction(
    `${name}Columns`,
    ["i32", "i32", "i32", "i32", "i32", "f32"],
    ([x, y, blocks, rows, bytes, factor], local) => {
      const [block, row, at, from, value] = [local("i32"), local("i32"), local("i32"), local("i32"), local("v128")];
      const column = (read: (address: Code) => Code, write: (address: Code, value: Code) => Code): Code =>
        seq(
          set(value, vector(start)),
          set(row, int(0)),
          set(from, add(get(x), get(at))),
          forUp(
            row,
            get(rows),
            1,
            seq(set(value, combine(get(value), read(get(from)))), set(from, add(get(from), get(bytes)))),
          ),
          write(add(get(y), get(at)), mulV(get(value), splat(get(factor)))),
        );
      return forUp(
        block,
        get(blocks),
        1,
        seq(
          set(at, int(0)),
          alongRow(at, bytes, column),
          set(x, add(get(x), mul(get(rows), get(bytes)))),
          set(y, add(get(y), get(bytes))),
        ),
      );
    },
  );

/** attrs: axes, which lie together but for dims of 1. */
const reduction =
  (name: string, isMean: boolean): OwnSelector =>
  ({ inputs, outputs, attrs }) => {
    const [x] = inputs;
    const axes = ints(attrs, "axes");
    if (!x || !outputs[0] || !axes) return undefined;
    const folded = axes.filter((d) => x.shape[d] !== 1);
    const [first, last] = [folded[0] ?? 0, folded.at(-1) ?? -1];
    if (x.shape.some((dim, d) => dim !== 1 && d >= first && d <= last && !folded.includes(d))) return undefined;
    const outer = sizeOf(x.shape.slice(0, first));
    const count = sizeOf(x.shape.slice(first, last + 1));
    const inner = sizeOf(x.shape.slice(last + 1));
    if (name === "sum" && count > (inner === 1 ? 4 : 1) * TERMS) return undefined;
    const factor = isMean ? 1 / count : 1;
    return {
      scratch: [],
      bind({ functions, input, output }) {
        const [rows, columns] = [functions[`${name}Rows`]!, functions[`${name}Columns`]!];
        const [from, to] = [input(0), output(0)];
        return inner === 1
          ? () => rows(from, to, outer, FLOAT * count, factor)
          : () => columns(from, to, outer, count, FLOAT * inner, factor);
      },
    };
  };

export const REDUCTIONS: ReadonlyMap<string, OwnSelector> = new Map([
  ["ReduceSum", reduction("sum", false)],
  ["ReduceMean", reduction("sum", true)],
  ["ReduceMax", reduction("max", false)],
  ["ReduceMin", reduction("min", false)],
]);

export const FOLDING: readonly WasmFunction[] = FOLDS.flatMap((fold) => [rowsOf(fold), columnsOf(fold)]);
