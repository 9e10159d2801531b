/** Copies that make operands of a matrix product: where a filter's tap meets the input, along a line. */
import {
  add,
  choose,
  equalI,
  forUp,
  get,
  int,
  load,
  loadOne,
  seq,
  set,
  store,
  storeOne,
  sub,
  vector,
  type Code,
  type Local,
} from "./code.ts";
import { defineFunction, type WasmFunction } from "./module.ts";

/**
 * The floats that one tap meets along a line, in rows of several channels: zeros to `before`, elements of x
 * `step` bytes apart to `valid`, zeros to `bytes` (all three in bytes of a row of y). Parameters: x, y, rows,
 * bytes from row to row of x and of y, before, valid, bytes, step.
 */
const taps = defineFunction(
  "taps",
  ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
  ([x, y, rows, xRow, yRow, before, valid, bytes, step], local) => {
    const [row, at, from] = [local("i32"), local("i32"), local("i32")];
    const zeros = (end: Local): Code => forUp(at, get(end), 4, storeOne(add(get(y), get(at)), vector(0)));
    return forUp(
      row,
      get(rows),
      1,
      seq(
        set(at, int(0)),
        set(from, get(x)),
        zeros(before),
        forUp(
          at,
          choose(sub(get(valid), int(15)), int(0), equalI(get(step), int(4))),
          16,
          seq(store(add(get(y), get(at)), load(get(from))), set(from, add(get(from), int(16)))),
        ),
        forUp(
          at,
          get(valid),
          4,
          seq(storeOne(add(get(y), get(at)), loadOne(get(from))), set(from, add(get(from), get(step)))),
        ),
        zeros(bytes),
        set(x, add(get(x), get(xRow))),
        set(y, add(get(y), get(yRow))),
      ),
    );
  },
);

export const PANELS: readonly WasmFunction[] = [taps];
