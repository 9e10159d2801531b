/** Functions of float32 planes and channels. */
import {
  add,
  addV,
  divV,
  forUp,
  get,
  int,
  load,
  loadOne,
  maxI,
  minI,
  mul,
  mulV,
  seq,
  set,
  setRow,
  splat,
  sqrtV,
  store,
  storeOne,
  sub,
  vector,
  whole,
  type Code,
  type Local,
} from "./code.ts";
import { defineFunction, type WasmFunction } from "./module.ts";

/** y = x factor + shift, row by row. Parameters: x, y, factor, shift, rows, bytes of a row. */
const affine = defineFunction(
  "affine",
  ["i32", "i32", "i32", "i32", "i32", "i32"],
  ([x, y, factor, shift, rows, bytes], local) => {
    const row = local("i32");
    const at = local("i32");
    const value = (read: (address: Code) => Code): Code =>
      addV(mulV(read(add(get(x), get(at))), read(add(get(factor), get(at)))), read(add(get(shift), get(at))));
    return forUp(
      row,
      get(rows),
      1,
      seq(setRow(y, at, bytes, value), set(x, add(get(x), get(bytes))), set(y, add(get(y), get(bytes)))),
    );
  },
);

/**
 * Local response normalisation across channels with beta 3/4, where t^(3/4) is sqrt(t sqrt(t)).
 * Parameters: x, y, images, channels, bytes of a plane, channels before and after, bias, alpha / size.
 */
const lrn = defineFunction(
  "lrn",
  ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "f32", "f32"],
  ([x, y, images, channels, plane, before, after, bias, alpha], local) => {
    const [image, channel, at, from, end, other, near] = Array.from({ length: 7 }, () => local("i32")) as [
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
    ];
    const sum = local("v128");
    const value = local("v128");
    const one = (read: (address: Code) => Code, write: (address: Code, value: Code) => Code): Code =>
      seq(
        set(sum, vector(0)),
        set(other, get(from)),
        set(near, add(add(get(x), mul(get(from), get(plane))), get(at))),
        forUp(
          other,
          get(end),
          1,
          seq(
            set(value, read(get(near))),
            set(sum, addV(get(sum), mulV(get(value), get(value)))),
            set(near, add(get(near), get(plane))),
          ),
        ),
        set(sum, addV(splat(get(bias)), mulV(splat(get(alpha)), get(sum)))),
        set(sum, sqrtV(mulV(get(sum), sqrtV(get(sum))))),
        set(near, add(mul(get(channel), get(plane)), get(at))),
        write(add(get(y), get(near)), divV(read(add(get(x), get(near))), get(sum))),
      );
    return forUp(
      image,
      get(images),
      1,
      seq(
        set(channel, int(0)),
        forUp(
          channel,
          get(channels),
          1,
          seq(
            set(from, maxI(int(0), sub(get(channel), get(before)))),
            set(end, minI(get(channels), add(add(get(channel), get(after)), int(1)))),
            set(at, int(0)),
            forUp(
              at,
              whole(plane),
              16,
              one(
                (address) => load(address),
                (address, result) => store(address, result),
              ),
            ),
            forUp(
              at,
              get(plane),
              4,
              one(
                (address) => loadOne(address),
                (address, result) => storeOne(address, result),
              ),
            ),
          ),
        ),
        set(x, add(get(x), mul(get(channels), get(plane)))),
        set(y, add(get(y), mul(get(channels), get(plane)))),
      ),
    );
  },
);

export const CHANNELS: readonly WasmFunction[] = [affine, lrn];
