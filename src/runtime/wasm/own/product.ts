/** Matrix products of float32, row by row in memory, without packing: for operands that change every run. */
import {
  add,
  addF,
  addF as plus,
  addV,
  and,
  forUp,
  get,
  int,
  load,
  loadF,
  loadOne,
  loadSplat,
  mul,
  mulF,
  mulV,
  seq,
  set,
  splat,
  store,
  storeOne,
  sub,
  sumLanes,
  vector,
  whole,
  type Code,
  type Local,
  type ValueType,
} from "./code.ts";
import { defineFunction, type WasmFunction } from "./module.ts";

type Scope = (type: ValueType) => Local;
/** Columns of a tile: two vectors, one, or a single element. */
type Width = 8 | 4 | 1;

const vectorsOf = (width: Width): number => (width === 8 ? 2 : 1);
const below = (count: Local, unit: number): Code => sub(get(count), and(get(count), int(unit - 1)));

/**
 * c = a b: a is [m, k] with strides of its own (a transposed operand has them swapped), b [k, n] and
 * c [m, n] have contiguous rows. Parameters: a, b, c, m, n, k, then bytes from row to row and from column
 * to column of a, and from row to row of b and of c. `addProduct` adds to what c holds.
 */
const product = (name: string, adds: boolean): WasmFunction =>
  defineFunction(
    name,
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    ([a, b, c, m, n, k, aRow, aColumn, bRow, cRow], local) => {
      const [i, j, p, left, right, out] = Array.from({ length: 6 }, () => local("i32")) as [
        Local,
        Local,
        Local,
        Local,
        Local,
        Local,
      ];
      const sums = Array.from({ length: 8 }, () => local("v128"));
      const lanes = Array.from({ length: 2 }, () => local("v128"));
      const value = local("v128");
      const rowsAt = Array.from({ length: 4 }, () => local("i32"));
      const tile = (rows: number, width: Width): Code => {
        const vectors = vectorsOf(width);
        const sum = (r: number, v: number): Local => sums[r * vectors + v]!;
        return seq(
          set(out, add(add(get(c), mul(get(i), get(cRow))), mul(get(j), int(4)))),
          Array.from({ length: rows }, (_, r) =>
            seq(
              Array.from({ length: vectors }, (__, v) =>
                set(sum(r, v), !adds ? vector(0) : width === 1 ? loadOne(get(out)) : load(get(out), 16 * v)),
              ).flat(),
              adds ? set(out, add(get(out), get(cRow))) : [],
            ),
          ).flat(),
          Array.from({ length: rows }, (_, r) =>
            set(rowsAt[r]!, r === 0 ? get(left) : add(get(rowsAt[r - 1]!), get(aRow))),
          ).flat(),
          set(right, add(get(b), mul(get(j), int(4)))),
          set(p, int(0)),
          forUp(
            p,
            get(k),
            1,
            seq(
              Array.from({ length: vectors }, (_, v) =>
                set(lanes[v]!, width === 1 ? loadOne(get(right)) : load(get(right), 16 * v)),
              ).flat(),
              Array.from({ length: rows }, (_, r) =>
                seq(
                  set(value, loadSplat(get(rowsAt[r]!))),
                  Array.from({ length: vectors }, (__, v) =>
                    set(sum(r, v), addV(get(sum(r, v)), mulV(get(value), get(lanes[v]!)))),
                  ).flat(),
                  set(rowsAt[r]!, add(get(rowsAt[r]!), get(aColumn))),
                ),
              ).flat(),
              set(right, add(get(right), get(bRow))),
            ),
          ),
          set(out, add(add(get(c), mul(get(i), get(cRow))), mul(get(j), int(4)))),
          Array.from({ length: rows }, (_, r) =>
            seq(
              Array.from({ length: vectors }, (__, v) =>
                width === 1 ? storeOne(get(out), get(sum(r, v))) : store(get(out), get(sum(r, v)), 16 * v),
              ).flat(),
              set(out, add(get(out), get(cRow))),
            ),
          ).flat(),
        );
      };
      const down = (width: Width): Code => {
        const along = (rows: number): Code =>
          seq(tile(rows, width), set(left, add(get(left), mul(get(aRow), int(rows)))));
        return seq(
          set(i, int(0)),
          set(left, get(a)),
          forUp(i, below(m, 4), 4, along(4)),
          forUp(i, get(m), 1, along(1)),
        );
      };
      return seq(forUp(j, below(n, 8), 8, down(8)), forUp(j, below(n, 4), 4, down(4)), forUp(j, get(n), 1, down(1)));
    },
  );

/**
 * c = alpha a b' (+ bias): both operands contiguous along k, as in a linear layer whose weight is [n, k].
 * Parameters: a, b, c, bias (0: none), m, n, k, alpha.
 */
function dots(local: Scope, parameters: readonly Local[]): Code {
  const [a, b, c, bias, m, n, k, alpha] = parameters as [Local, Local, Local, Local, Local, Local, Local, Local];
  const [i, j, p, left, bytes, out] = Array.from({ length: 6 }, () => local("i32")) as [
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
  ];
  const rights = Array.from({ length: 4 }, () => local("i32"));
  const sums = Array.from({ length: 8 }, () => local("v128"));
  const rest = Array.from({ length: 8 }, () => local("f32"));
  const values = Array.from({ length: 2 }, () => local("v128"));
  const lanes = local("v128");
  const total = local("f32");
  const tile = (rows: number, columns: number): Code => {
    const at = (r: number): Code => add(add(get(left), get(p)), r === 0 ? int(0) : get(bytes));
    const each = (write: (r: number, q: number, t: number) => Code): Code =>
      Array.from({ length: rows * columns }, (_, t) => write(Math.floor(t / columns), t % columns, t)).flat();
    return seq(
      Array.from({ length: columns }, (_, q) =>
        set(rights[q]!, q === 0 ? add(get(b), mul(get(j), get(bytes))) : add(get(rights[q - 1]!), get(bytes))),
      ).flat(),
      each((_, __, t) => seq(set(sums[t]!, vector(0)), set(rest[t]!, [0x43, 0, 0, 0, 0]))),
      set(p, int(0)),
      forUp(
        p,
        whole(bytes),
        16,
        seq(
          Array.from({ length: rows }, (_, r) => set(values[r]!, load(at(r)))).flat(),
          Array.from({ length: columns }, (_, q) =>
            seq(
              set(lanes, load(add(get(rights[q]!), get(p)))),
              Array.from({ length: rows }, (__, r) =>
                set(sums[r * columns + q]!, addV(get(sums[r * columns + q]!), mulV(get(values[r]!), get(lanes)))),
              ).flat(),
            ),
          ).flat(),
        ),
      ),
      forUp(
        p,
        get(bytes),
        4,
        each((r, q, t) => set(rest[t]!, addF(get(rest[t]!), mulF(loadF(at(r)), loadF(add(get(rights[q]!), get(p))))))),
      ),
      each((r, q, t) =>
        seq(
          set(total, mulF(get(alpha), plus(sumLanes(sums[t]!), get(rest[t]!)))),
          set(out, mul(add(get(j), int(q)), int(4))),
          [...get(bias), 0x04, 0x40],
          set(total, addF(get(total), loadF(add(get(bias), get(out))))),
          [0x0b],
          storeOne(add(add(get(c), get(out)), mul(mul(add(get(i), int(r)), get(n)), int(4))), splat(get(total))),
        ),
      ),
    );
  };
  const along = (rows: number): Code =>
    seq(
      set(j, int(0)),
      forUp(j, below(n, 4), 4, tile(rows, 4)),
      forUp(j, get(n), 1, tile(rows, 1)),
      set(left, add(get(left), mul(get(bytes), int(rows)))),
    );
  return seq(
    set(bytes, mul(get(k), int(4))),
    set(left, get(a)),
    forUp(i, below(m, 2), 2, along(2)),
    forUp(i, get(m), 1, along(1)),
  );
}

export const PRODUCTS: readonly WasmFunction[] = [
  product("product", false),
  product("addProduct", true),
  defineFunction("dots", ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32"], (parameters, local) =>
    dots(local, parameters),
  ),
];
