/**
 * Matrix products as WGSL: C = A B with sums in float32, in a fixed order. Every invocation owns a tile
 * of `tileRows` x 4 `tileVectors` results in registers and walks the depth in steps of four; operands
 * come straight from storage, so that there is no barrier: neighbours read the same cache lines.
 * Short products (few rows) split the depth over the invocations of a workgroup instead.
 */
import { roundingFunctions } from "./words.ts";

export type Stored = "float32" | "float16";

export interface Tile {
  readonly rows: number;
  /** Vectors of four columns. */
  readonly vectors: number;
}

/** Components of the storage variable that holds four elements a step. */
export const vectorComponents = (stored: Stored): 2 | 4 => (stored === "float32" ? 4 : 2);

/** WGSL `fn NAME(i: i32) -> vec4<f32>`: elements 4i to 4i + 3 of the variable. */
export const loadVector = (name: string, variable: string, stored: Stored): string =>
  stored === "float32"
    ? `fn ${name}(i: i32) -> vec4<f32> { return ${variable}[i]; }`
    : `fn ${name}(i: i32) -> vec4<f32> {
  let words = bitcast<vec2<u32>>(${variable}[i]);
  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}`;

/** WGSL `fn put(i: i32, value: vec4<f32>)`: result elements 4i to 4i + 3. */
export const storeVector = (stored: Stored): string =>
  stored === "float32"
    ? "fn put(i: i32, value: vec4<f32>) { result[i] = value; }"
    : `${roundingFunctions}
fn put(i: i32, value: vec4<f32>) {
  result[i] = bitcast<vec2<i32>>(vec2<u32>(
    f16Bits(value.x) | (f16Bits(value.y) << 16u), f16Bits(value.z) | (f16Bits(value.w) << 16u)));
}`;

export const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

/** One line for each index, joined. */
export const each = (count: number, line: (i: number) => string): string => range(count).map(line).join("\n");

/** The accumulators of a tile, zeroed. */
export const accumulators = ({ rows, vectors }: Tile): string =>
  each(rows, (r) => each(vectors, (v) => `var s${r}_${v} = vec4<f32>(0.0);`));

/** acc += a (four of the depth, one variable a row: `aR`) times B's four rows (`b0_V` ... `b3_V`). */
export const multiply = ({ rows, vectors }: Tile): string =>
  each(rows, (r) =>
    each(
      vectors,
      (v) =>
        `s${r}_${v} = fma(vec4<f32>(a${r}.w), b3_${v}, fma(vec4<f32>(a${r}.z), b2_${v}, fma(vec4<f32>(a${r}.y), b1_${v}, fma(vec4<f32>(a${r}.x), b0_${v}, s${r}_${v}))));`,
    ),
  );

/** The tile for a product: as many results an invocation as still leave the machine enough of them; `mostRows` rows at most. */
export function tileFor(rows: number, columns: number, mostRows = Infinity): Tile {
  const least = 512;
  for (const [tileRows, vectors] of [
    [8, 2],
    [4, 2],
    [4, 1],
    [2, 1],
  ] as const) {
    const count = Math.ceil(rows / tileRows) * Math.ceil(columns / (4 * vectors));
    if (tileRows <= mostRows && rows >= tileRows && columns >= 4 * vectors && count >= least)
      return { rows: tileRows, vectors };
  }
  return { rows: Math.min(rows, 2), vectors: 1 };
}

/** Workgroup over (column vectors, row tiles): lanes side by side read neighbouring columns. */
export function groupFor(columnTiles: number, rowTiles: number): readonly [number, number, number] {
  const across = columnTiles >= 16 ? 16 : columnTiles >= 8 ? 8 : columnTiles >= 4 ? 4 : columnTiles >= 2 ? 2 : 1;
  const down = Math.max(1, Math.min(64 / across, 2 ** Math.ceil(Math.log2(rowTiles))));
  return [across, down, 1];
}
