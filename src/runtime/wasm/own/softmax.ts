/** Softmax of float32: of rows of attention scores, and along an axis that is not the last. */
import {
  add,
  addF,
  addV,
  alongRow,
  divF,
  divV,
  float,
  forUp,
  get,
  int,
  lane,
  load,
  loadOne,
  loadSplat,
  maxF,
  maxLanes,
  maxV,
  moreV,
  mul,
  mulV,
  seq,
  set,
  setRow,
  splat,
  store,
  storeOne,
  subV,
  sumLanes,
  vector,
  whole,
  type Code,
  type Local,
} from "./code.ts";
import { weightInto } from "./math.ts";
import { defineFunction, type WasmFunction } from "./module.ts";

/** Lowest finite float32: the top of a row of attention that keeps no key, whose weights are all 0. */
const LOWEST = -3.4028234663852886e38;

/**
 * One row of attention's scores into weights, in place. Parameters: row, bytes, sink: what has a weight
 * without a place (-Infinity: none).
 */
const weights = defineFunction("weights", ["i32", "i32", "f32"], ([x, bytes, sink], local) => {
  const [at, top, total] = [local("i32"), local("f32"), local("f32")];
  const [tops, value, sums] = [local("v128"), local("v128"), local("v128")];
  const here = add(get(x), get(at));
  const weight = seq(set(value, subV(get(value), splat(get(top)))), weightInto(value, local));
  return seq(
    set(tops, maxV(splat(get(sink)), vector(LOWEST))),
    forUp(at, whole(bytes), 16, set(tops, moreV(get(tops), load(here)))),
    forUp(at, get(bytes), 4, set(tops, moreV(get(tops), loadSplat(here)))),
    set(top, maxLanes(tops)),
    set(value, splat(get(sink))),
    weight,
    set(total, lane(get(value), 0)),
    set(at, int(0)),
    set(sums, vector(0)),
    forUp(
      at,
      whole(bytes),
      16,
      seq(set(value, load(here)), weight, store(here, get(value)), set(sums, addV(get(sums), get(value)))),
    ),
    forUp(
      at,
      get(bytes),
      4,
      seq(
        set(value, loadOne(here)),
        weight,
        storeOne(here, get(value)),
        set(total, addF(get(total), lane(get(value), 0))),
      ),
    ),
    set(total, addF(get(total), sumLanes(sums))),
    set(tops, splat(divF(float(1), maxF(get(total), float(1e-30))))),
    setRow(x, at, bytes, (read) => mulV(read(here), get(tops))),
  );
});

/** x and y may be one. Parameters: x, y, blocks, count along the axis, bytes from one to the next. */
const softmaxColumns = defineFunction(
  "softmaxColumns",
  ["i32", "i32", "i32", "i32", "i32"],
  ([x, y, blocks, count, bytes], local) => {
    const [block, at, k, from, to] = Array.from({ length: 5 }, () => local("i32")) as [
      Local,
      Local,
      Local,
      Local,
      Local,
    ];
    const [tops, value, sums] = [local("v128"), local("v128"), local("v128")];
    const along = (body: Code): Code =>
      seq(
        set(k, int(0)),
        set(from, add(get(x), get(at))),
        set(to, add(get(y), get(at))),
        forUp(k, get(count), 1, seq(body, set(from, add(get(from), get(bytes))), set(to, add(get(to), get(bytes))))),
      );
    const columns = (read: (address: Code) => Code, write: (address: Code, value: Code) => Code): Code =>
      seq(
        set(tops, vector(-Infinity)),
        along(set(tops, moreV(get(tops), read(get(from))))),
        set(sums, vector(0)),
        along(
          seq(
            set(value, subV(read(get(from)), get(tops))),
            weightInto(value, local),
            write(get(to), get(value)),
            set(sums, addV(get(sums), get(value))),
          ),
        ),
        set(sums, divV(vector(1), get(sums))),
        along(write(get(to), mulV(read(get(to)), get(sums)))),
      );
    return forUp(
      block,
      get(blocks),
      1,
      seq(
        set(at, int(0)),
        alongRow(at, bytes, columns),
        set(x, add(get(x), mul(get(count), get(bytes)))),
        set(y, add(get(y), mul(get(count), get(bytes)))),
      ),
    );
  },
);

export const SOFTMAXES: readonly WasmFunction[] = [weights, softmaxColumns];
