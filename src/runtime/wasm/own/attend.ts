/** Scores of attention and what is done to them before the softmax. */
import {
  add,
  addV,
  alongRow,
  and,
  choose,
  divV,
  equalInts,
  float,
  forUp,
  get,
  greaterF,
  int,
  intVector,
  load,
  loadByteSplat,
  loadBytes,
  loadOne,
  loadSplat,
  maxLanes,
  maxV,
  mul,
  mulF,
  mulV,
  selectV,
  seq,
  set,
  setRow,
  splat,
  store,
  storeOne,
  sub,
  subV,
  sumLanes,
  sumsOf,
  vector,
  whole,
  type Code,
  type Local,
} from "./code.ts";
import { tanhInto } from "./math.ts";
import { defineFunction, type WasmFunction } from "./module.ts";

/**
 * s = scale q k': rows of both contiguous, at any distance. Parameters: q, k, s, rows of q, rows of k, bytes
 * of a row, bytes from row to row of q, of k and of s, scale.
 */
const scores = defineFunction(
  "scores",
  ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32"],
  ([q, k, s, m, n, bytes, qRow, kRow, sRow, scale], local) => {
    const [i, j, p, left, out] = Array.from({ length: 5 }, () => local("i32")) as [Local, Local, Local, Local, Local];
    const rights = Array.from({ length: 4 }, () => local("i32"));
    const sums = Array.from({ length: 8 }, () => local("v128"));
    const rows = Array.from({ length: 2 }, () => local("v128"));
    const value = local("v128");
    const tile = (count: number, columns: number): Code => {
      const accumulate = (read: (address: Code) => Code): Code =>
        seq(
          ...rows
            .slice(0, count)
            .map((row, r) => set(row, read(r === 0 ? add(get(left), get(p)) : add(add(get(left), get(p)), get(qRow))))),
          ...rights.slice(0, columns).map((right, c) =>
            seq(
              set(value, read(add(get(right), get(p)))),
              ...rows.slice(0, count).map((row, r) => {
                const sum = sums[r * columns + c]!;
                return set(sum, addV(get(sum), mulV(get(row), get(value))));
              }),
            ),
          ),
        );
      return seq(
        ...sums.slice(0, count * columns).map((sum) => set(sum, vector(0))),
        set(p, int(0)),
        forUp(
          p,
          whole(bytes),
          16,
          accumulate((address) => load(address)),
        ),
        forUp(
          p,
          get(bytes),
          4,
          accumulate((address) => loadOne(address)),
        ),
        ...rows.slice(0, count).map((_, r) => {
          const at = r === 0 ? get(out) : add(get(out), get(sRow));
          return columns === 4
            ? store(at, mulV(sumsOf(sums.slice(4 * r, 4 * r + 4)), splat(get(scale))))
            : storeOne(at, splat(mulF(sumLanes(sums[r]!), get(scale))));
        }),
      );
    };
    const down = (columns: number): Code => {
      const along = (count: number): Code =>
        seq(
          tile(count, columns),
          set(left, add(get(left), mul(get(qRow), int(count)))),
          set(out, add(get(out), mul(get(sRow), int(count)))),
        );
      return seq(
        ...rights
          .slice(0, columns)
          .map((right, c) => set(right, c === 0 ? get(k) : add(get(rights[c - 1]!), get(kRow)))),
        set(i, int(0)),
        set(left, get(q)),
        set(out, add(get(s), mul(get(j), int(4)))),
        forUp(i, sub(get(m), and(get(m), int(1))), 2, along(2)),
        forUp(i, get(m), 1, along(1)),
        set(k, add(get(k), mul(get(kRow), int(columns)))),
      );
    };
    return seq(forUp(j, sub(get(n), and(get(n), int(3))), 4, down(4)), forUp(j, get(n), 1, down(1)));
  },
);

/** A mask whose values are all lower than this leaves nothing of the scores, in double as well. */
const DEEP = -1e10;

/**
 * s += mask, less the largest of the mask, which no softmax sees: so that scores of which all have the usual
 * -10000 added keep their decimals. Parameters: s, mask, bytes.
 */
const addMask = defineFunction("addMask", ["i32", "i32", "i32"], ([s, mask, bytes], local) => {
  const [at, tops, top] = [local("i32"), local("v128"), local("f32")];
  return seq(
    set(tops, vector(-Infinity)),
    forUp(at, whole(bytes), 16, set(tops, maxV(get(tops), load(add(get(mask), get(at)))))),
    forUp(at, get(bytes), 4, set(tops, maxV(get(tops), loadSplat(add(get(mask), get(at)))))),
    set(top, maxLanes(tops)),
    set(tops, splat(choose(get(top), float(0), greaterF(get(top), float(DEEP))))),
    setRow(s, at, bytes, (read) => addV(read(add(get(s), get(at))), subV(read(add(get(mask), get(at))), get(tops)))),
  );
});

/** x += row. Parameters: x, row, bytes. */
const addRow = defineFunction("addRow", ["i32", "i32", "i32"], ([x, row, bytes], local) => {
  const at = local("i32");
  return setRow(x, at, bytes, (read) => addV(read(add(get(x), get(at))), read(add(get(row), get(at)))));
});

/** s = -Infinity where a byte of the mask is 0. Parameters: s, mask, bytes of s. */
const keep = defineFunction("keep", ["i32", "i32", "i32"], ([s, mask, bytes], local) => {
  const at = local("i32");
  const kept = (value: Code, byte: Code): Code => selectV(vector(-Infinity), value, equalInts(byte, intVector(0)));
  return seq(
    forUp(
      at,
      whole(bytes),
      16,
      seq(
        store(add(get(s), get(at)), kept(load(add(get(s), get(at))), loadBytes(get(mask)))),
        set(mask, add(get(mask), int(4))),
      ),
    ),
    forUp(
      at,
      get(bytes),
      4,
      seq(
        storeOne(add(get(s), get(at)), kept(loadOne(add(get(s), get(at))), loadByteSplat(get(mask)))),
        set(mask, add(get(mask), int(1))),
      ),
    ),
  );
});

/** s = cap tanh(s / cap). Parameters: s, bytes, cap. */
const softcap = defineFunction("softcap", ["i32", "i32", "f32"], ([s, bytes, cap], local) => {
  const [at, value, height] = [local("i32"), local("v128"), local("v128")];
  const step = (read: (address: Code) => Code, write: (address: Code, value: Code) => Code): Code =>
    seq(
      set(value, divV(read(add(get(s), get(at))), get(height))),
      tanhInto(value, local),
      write(add(get(s), get(at)), mulV(get(value), get(height))),
    );
  return seq(set(height, splat(get(cap))), alongRow(at, bytes, step));
});

export const SCORES: readonly WasmFunction[] = [scores, addMask, addRow, keep, softcap];
