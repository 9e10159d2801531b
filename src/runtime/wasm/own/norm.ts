/** Normalisation of contiguous float32 rows; x and y may be one. */
import {
  add,
  addF,
  addV,
  divF,
  float,
  forUp,
  get,
  int,
  load,
  loadF,
  mul,
  mulF,
  mulV,
  seq,
  set,
  setRow,
  splat,
  sqrtF,
  subF,
  subV,
  sumLanes,
  toFloat,
  vector,
  whole,
  type Code,
  type Local,
  type ValueType,
} from "./code.ts";
import { defineFunction, type WasmFunction } from "./module.ts";

type Scope = (type: ValueType) => Local;

interface Moments {
  readonly mean: Local;
  readonly inverse: Local;
  readonly code: Code;
}

/** Mean (0 where not `centred`) and 1 / sqrt(mean square of the rest + epsilon) of `bytes` from `x`. */
function moments(x: Local, bytes: Local, epsilon: Local, centred: boolean, local: Scope): Moments {
  const at = local("i32");
  const sums = local("v128");
  const value = local("v128");
  const total = local("f32");
  const mean = local("f32");
  const inverse = local("f32");
  const count = toFloat([...get(bytes), 0x41, 2, 0x75]);
  const over = (term: Code, one: Code): Code =>
    seq(
      set(at, int(0)),
      set(sums, vector(0)),
      set(total, float(0)),
      forUp(at, whole(bytes), 16, seq(set(value, load(add(get(x), get(at)))), set(sums, addV(get(sums), term)))),
      forUp(at, get(bytes), 4, set(total, addF(get(total), one))),
      set(total, addF(get(total), sumLanes(sums))),
    );
  const element = loadF(add(get(x), get(at)));
  const difference = local("f32");
  return {
    mean,
    inverse,
    code: seq(
      centred ? seq(over(get(value), element), set(mean, divF(get(total), count))) : set(mean, float(0)),
      over(
        seq(set(value, subV(get(value), splat(get(mean)))), mulV(get(value), get(value))),
        seq(set(difference, subF(element, get(mean))), mulF(get(difference), get(difference))),
      ),
      set(inverse, divF(float(1), sqrtF(addF(divF(get(total), count), get(epsilon))))),
    ),
  };
}

/** Parameters: x, y, scale, bias, rows, bytes of a row, epsilon. Scale and bias are one row each. */
const rowNorm = (name: string, centred: boolean, biased: boolean): WasmFunction =>
  defineFunction(
    name,
    ["i32", "i32", "i32", "i32", "i32", "i32", "f32"],
    ([x, y, scale, bias, rows, bytes, epsilon], local) => {
      const row = local("i32");
      const at = local("i32");
      const { mean, inverse, code } = moments(x, bytes, epsilon, centred, local);
      const shifted = (value: (address: Code) => Code): Code => {
        const scaled = mulV(
          mulV(subV(value(add(get(x), get(at))), splat(get(mean))), splat(get(inverse))),
          value(add(get(scale), get(at))),
        );
        return biased ? addV(scaled, value(add(get(bias), get(at)))) : scaled;
      };
      return forUp(
        row,
        get(rows),
        1,
        seq(code, setRow(y, at, bytes, shifted), set(x, add(get(x), get(bytes))), set(y, add(get(y), get(bytes)))),
      );
    },
  );

/**
 * Parameters: x, y, scale, bias, groups in all, groups of one image, channels of a group, bytes of a
 * channel, epsilon. Scale and bias have one number a channel of the image.
 */
const groupNorm = defineFunction(
  "groupNorm",
  ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32"],
  ([x, y, scale, bias, groups, period, channels, bytes, epsilon], local) => {
    const [group, channel, at, index, size] = Array.from({ length: 5 }, () => local("i32")) as [
      Local,
      Local,
      Local,
      Local,
      Local,
    ];
    const factor = local("f32");
    const shift = local("f32");
    const { mean, inverse, code } = moments(x, size, epsilon, true, local);
    const shifted = (value: Code): Code => addV(mulV(value, splat(get(factor))), splat(get(shift)));
    return seq(
      set(size, mul(get(channels), get(bytes))),
      forUp(
        group,
        get(groups),
        1,
        seq(
          code,
          set(channel, int(0)),
          // Remainder: index of the group in its image, then of its first channel, in bytes.
          set(index, mul(mul([...get(group), ...get(period), 0x6f], get(channels)), int(4))),
          forUp(
            channel,
            get(channels),
            1,
            seq(
              set(factor, mulF(get(inverse), loadF(add(get(scale), get(index))))),
              set(shift, subF(loadF(add(get(bias), get(index))), mulF(get(mean), get(factor)))),
              setRow(y, at, bytes, (read) => shifted(read(add(get(x), get(at))))),
              set(x, add(get(x), get(bytes))),
              set(y, add(get(y), get(bytes))),
              set(index, add(get(index), int(4))),
            ),
          ),
        ),
      ),
    );
  },
);

export const NORMS: readonly WasmFunction[] = [
  rowNorm("layerNorm", true, true),
  rowNorm("layerNormUnbiased", true, false),
  rowNorm("rmsNorm", false, false),
  groupNorm,
];
