/** Rotary position embedding. */
import { num } from "./attention-rules.ts";
import type { OperandShape, WgslCall, WgslKernel, WgslTable } from "./types.ts";
import { areFloats, elementRead, pointwise } from "./units.ts";

/** Element d of a row that may be turned: `rotated(...)` in code over elements. */
export interface Turn {
  readonly rotated: number;
  readonly interleaved: boolean;
}

export const indexCode = (name: string, type: OperandShape): string =>
  `fn ${name}_at(i: i32) -> i32 { return ${name}[i${type.dtype === "int64" ? " * 2" : ""}]; }`;

/**
 * `fn turned(start: i32, d: i32, angle: i32) -> f32`: element d of the row of `fresh` at `start`, rotated by
 * row `angle` of the caches (Su et al., "RoFormer", 2021).
 */
export function turnCode({ rotated, interleaved }: Turn, operand: string): string {
  const half = rotated / 2;
  const [pair, isSecond, partner] = interleaved
    ? ["d / 2", "d % 2 == 1", "select(d + 1, d - 1, second)"]
    : [`d % ${half}`, `d >= ${half}`, `select(d + ${half}, d - ${half}, second)`];
  return `fn turned(start: i32, d: i32, angle: i32) -> f32 {
  let x = load_${operand}(start + d);
  if (d >= ${rotated}) { return x; }
  let second = ${isSecond};
  let at = angle * ${half} + ${pair};
  let other = load_${operand}(start + ${partner});
  return load_cos(at) * x + select(-1f, 1f, second) * load_sin(at) * other;
}`;
}

/** Operands: X, cos and sin caches, position ids. */
const rotaryEmbedding: WgslKernel = ({ inputs, attrs }): WgslCall | undefined => {
  const [x, cos, sin, ids] = inputs;
  if (!x || !cos || !sin || !areFloats(x, cos, sin)) return undefined;
  if (ids && ids.dtype !== "int64" && ids.dtype !== "int32") return undefined;
  const [heads, rotated] = [num(attrs, "heads"), num(attrs, "rotated")];
  if (heads === 0 || rotated === 0) return undefined;
  const isSplit = x.shape.length === 4;
  const positions = x.shape[isSplit ? 2 : 1]!;
  const size = isSplit ? x.shape[3]! : x.shape[2]! / heads;
  const isOffset = attrs.get("offsetIds") === 1;
  const [place, batch] = isSplit
    ? [`(u / ${size}) % ${positions}`, `u / ${size * positions * heads}`]
    : [`(u / ${size * heads}) % ${positions}`, `u / ${size * heads * positions}`];
  const angle = !ids ? `b * ${positions} + i` : isOffset ? "ids_at(0) + i" : `ids_at(b * ${positions} + i)`;
  return {
    temporaries: [],
    dispatches: [
      pointwise({
        label: "RotaryEmbedding",
        writes: { output: 0 },
        type: x,
        divisor: 1,
        body: () => ({
          reads: [
            elementRead("x", { input: 0 }, x),
            elementRead("cos", { input: 1 }, cos),
            elementRead("sin", { input: 2 }, sin),
            ...(ids ? [{ read: { name: "ids", from: { input: 3 } }, code: indexCode("ids", ids) }] : []),
          ],
          code: `${turnCode({ rotated, interleaved: attrs.get("interleaved") === 1 }, "x")}
fn compute(u: i32) -> f32 {
  let b = ${batch};
  let i = ${place};
  return turned(u - u % ${size}, u % ${size}, ${angle});
}`,
        }),
      }),
    ],
  };
};

export const rotaryEmbeddingKernels: WgslTable = { RotaryEmbedding: rotaryEmbedding };
