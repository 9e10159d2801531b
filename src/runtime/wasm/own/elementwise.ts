/** y = f(x) over float32 elements; x and y may be one. */
import {
  absV,
  add,
  addV,
  alongRow,
  divV,
  get,
  mulV,
  negV,
  seq,
  set,
  sqrtV,
  vector,
  type Code,
  type Local,
  type ValueType,
} from "./code.ts";
import { erfInto, expInto, sigmoidInto, tanhInto } from "./math.ts";
import { defineFunction, type WasmFunction } from "./module.ts";

/** Leaves f(x) in `x`. */
type Into = (x: Local, local: (type: ValueType) => Local) => Code;

const elementwise = (name: string, into: Into): WasmFunction =>
  defineFunction(name, ["i32", "i32", "i32"], ([x, y, bytes], local) => {
    const at = local("i32");
    const value = local("v128");
    const step = into(value, local);
    return alongRow(at, bytes, (read, write) =>
      seq(set(value, read(add(get(x), get(at)))), step, write(add(get(y), get(at)), get(value))),
    );
  });

/** x times f(g(x)), for the gates: x is kept aside. */
const gated =
  (gate: (x: Local, kept: Local, local: (type: ValueType) => Local) => Code): Into =>
  (x, local) => {
    const kept = local("v128");
    return seq(set(kept, get(x)), gate(x, kept, local), set(x, mulV(get(x), get(kept))));
  };

const half = (x: Local): Code => mulV(vector(0.5), addV(vector(1), get(x)));

const simple =
  (of: (x: Code) => Code): Into =>
  (x) =>
    set(x, of(get(x)));

/** Parameters of each: x, y, bytes. */
export const ELEMENTWISE: readonly WasmFunction[] = [
  elementwise("negative", simple(negV)),
  elementwise("absolute", simple(absV)),
  elementwise("root", simple(sqrtV)),
  elementwise(
    "reciprocal",
    simple((x) => divV(vector(1), x)),
  ),
  elementwise(
    "square",
    simple((x) => mulV(x, x)),
  ),
  elementwise(
    "cube",
    simple((x) => mulV(mulV(x, x), x)),
  ),
  // The square of what it is of half, so that it runs over and under where float32 does.
  elementwise("wideExp", (x, local) =>
    seq(set(x, mulV(get(x), vector(0.5))), expInto(x, local), set(x, mulV(get(x), get(x)))),
  ),
  elementwise("exp", expInto),
  elementwise("erf", erfInto),
  elementwise("tanh", tanhInto),
  elementwise("sigmoid", sigmoidInto),
  elementwise(
    "silu",
    gated((x, _, local) => sigmoidInto(x, local)),
  ),
  elementwise(
    "gelu",
    gated((x, _, local) => seq(set(x, mulV(get(x), vector(Math.SQRT1_2))), erfInto(x, local), set(x, half(x)))),
  ),
  elementwise(
    "geluTanh",
    gated((x, kept, local) =>
      seq(
        set(
          x,
          mulV(
            mulV(get(kept), vector(Math.sqrt(2 / Math.PI))),
            addV(vector(1), mulV(mulV(vector(0.044715), get(kept)), get(kept))),
          ),
        ),
        tanhInto(x, local),
        set(x, half(x)),
      ),
    ),
  ),
];
