/** Rotary position embedding: rows of heads rotated by the angles of their position. */
import { badData } from "../../../errors.ts";
import { sizeOf } from "../../../kernels/access.ts";
import {
  add,
  addV,
  forUp,
  get,
  int,
  load,
  loadOne,
  mul,
  mulV,
  seq,
  set,
  shuffle,
  store,
  storeOne,
  subV,
  whole,
  type Code,
  type Local,
} from "./code.ts";
import { defineFunction, type WasmFunction } from "./module.ts";
import type { OwnSelector } from "./steps.ts";

const FLOAT = 4;

/**
 * The heads of one position. Parameters: x, y (may be one), rows of cosines and sines, heads, bytes from head
 * to head of x and of y, bytes of half the rotated part, bytes of a head: what is left of it is copied.
 */
const rotate = (name: string, isInterleaved: boolean): WasmFunction =>
  defineFunction(
    name,
    ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
    ([x, y, cos, sin, heads, xHead, yHead, half, bytes], local) => {
      const [head, at, from, to] = Array.from({ length: 4 }, () => local("i32")) as [Local, Local, Local, Local];
      const [a, b, c, s, low] = Array.from({ length: 5 }, () => local("v128")) as [Local, Local, Local, Local, Local];
      /** Turns a and b by c and s: leaves the results in low and a. */
      const turn = seq(
        set(low, subV(mulV(get(c), get(a)), mulV(get(s), get(b)))),
        set(a, addV(mulV(get(s), get(a)), mulV(get(c), get(b)))),
      );
      const pairs = (address: Local): Code => add(get(address), mul(get(at), int(2)));
      const four: Code = isInterleaved
        ? seq(
            set(low, load(pairs(from))),
            set(b, load(pairs(from), 16)),
            set(a, shuffle(get(low), get(b), [0, 2, 4, 6])),
            set(b, shuffle(get(low), get(b), [1, 3, 5, 7])),
            turn,
            store(pairs(to), shuffle(get(low), get(a), [0, 4, 1, 5])),
            store(pairs(to), shuffle(get(low), get(a), [2, 6, 3, 7]), 16),
          )
        : seq(
            set(a, load(add(get(from), get(at)))),
            set(b, load(add(add(get(from), get(at)), get(half)))),
            turn,
            store(add(get(to), get(at)), get(low)),
            store(add(add(get(to), get(at)), get(half)), get(a)),
          );
      const one: Code = isInterleaved
        ? seq(
            set(a, loadOne(pairs(from))),
            set(b, loadOne(pairs(from), 4)),
            turn,
            storeOne(pairs(to), get(low)),
            storeOne(pairs(to), get(a), 4),
          )
        : seq(
            set(a, loadOne(add(get(from), get(at)))),
            set(b, loadOne(add(add(get(from), get(at)), get(half)))),
            turn,
            storeOne(add(get(to), get(at)), get(low)),
            storeOne(add(add(get(to), get(at)), get(half)), get(a)),
          );
      const angles = (read: (address: Code) => Code): Code =>
        seq(set(c, read(add(get(cos), get(at)))), set(s, read(add(get(sin), get(at)))));
      return seq(
        set(from, get(x)),
        set(to, get(y)),
        forUp(
          head,
          get(heads),
          1,
          seq(
            set(at, int(0)),
            forUp(
              at,
              whole(half),
              16,
              seq(
                angles((address) => load(address)),
                four,
              ),
            ),
            forUp(
              at,
              get(half),
              4,
              seq(
                angles((address) => loadOne(address)),
                one,
              ),
            ),
            set(at, mul(get(half), int(2))),
            forUp(at, get(bytes), 4, storeOne(add(get(to), get(at)), loadOne(add(get(from), get(at))))),
            set(from, add(get(from), get(xHead))),
            set(to, add(get(to), get(yHead))),
          ),
        ),
      );
    },
  );

/** RotaryEmbedding of ONNX and of com.microsoft. Operands: x, cosines, sines, position ids. */
export const rotaryEmbedding: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x, cos, sin, ids] = inputs;
  const y = outputs[0];
  if (!x || !cos || !sin || !y || [x, cos, sin, y].some((tensor) => tensor.dtype !== "float32")) return undefined;
  if ((ids && ids.dtype !== "int64") || sizeOf(x.shape) === 0) return undefined;
  const [heads, rotated] = [Number(attrs.get("heads")), Number(attrs.get("rotated"))];
  const isSplit = x.shape.length === 4;
  const batches = x.shape[0]!;
  const positions = x.shape[isSplit ? 2 : 1]!;
  const size = isSplit ? x.shape[3]! : x.shape[2]! / heads;
  const isOffset = attrs.get("offsetIds") === 1;
  const head = FLOAT * size * (isSplit ? positions : 1);
  const row = FLOAT * size * (isSplit ? 1 : heads);
  const angles = (FLOAT * rotated) / 2;
  return {
    scratch: [],
    bind({ functions, heap, input, output }) {
      const f = functions[attrs.get("interleaved") === 1 ? "rotatePairs" : "rotateHalves"]!;
      const [from, to, cosAt, sinAt] = [input(0), output(0), input(1), input(2)];
      const id = ids && new BigInt64Array(heap, input(3), sizeOf(ids.shape));
      return () => {
        for (let b = 0; b < batches; b++)
          for (let i = 0; i < positions; i++) {
            const place = b * positions + i;
            const angle = !id ? place : isOffset ? Number(id[0]!) + i : Number(id[place]!);
            if (id && (angle < 0 || angle >= cos.shape[0]!))
              throw badData("RotaryEmbedding", `position ${angle} is outside the caches' ${cos.shape[0]} rows`);
            const at = FLOAT * b * positions * heads * size + i * row;
            f(
              from + at,
              to + at,
              cosAt + angle * angles,
              sinAt + angle * angles,
              heads,
              head,
              head,
              angles,
              FLOAT * size,
            );
          }
      };
    },
  };
};

export const ROTATIONS: readonly WasmFunction[] = [rotate("rotateHalves", false), rotate("rotatePairs", true)];
