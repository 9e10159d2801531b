/** The product with which Microsoft's Attention makes query, key and value of its input. */
import type { OperandShape, Ref, WgslDispatch } from "./types.ts";
import { gridOf, unitRead, unitType, type UnitSize } from "./units.ts";

/** Rows of the result that an invocation computes. */
const ROWS = 4;

/** x (rows, depth) times weights (depth, columns) plus bias (columns) as float32; operands 0, 1 and 2 of the call. */
export function projection(
  label: string,
  writes: Ref,
  x: OperandShape,
  weights: OperandShape,
  bias: OperandShape | null | undefined,
  [rows, depth, columns]: readonly [number, number, number],
): WgslDispatch {
  const unit: UnitSize = columns % 4 === 0 ? 4 : columns % 2 === 0 ? 2 : 1;
  const type = unitType(unit);
  const step: UnitSize = depth % 4 === 0 ? 4 : 1;
  const across = columns / unit;
  const blocks = Math.ceil(rows / ROWS);
  const reads = [
    unitRead("x", { input: 0 }, x, step),
    unitRead("weights", { input: 1 }, weights, unit),
    ...(bias ? [unitRead("bias", { input: 2 }, bias, unit)] : []),
  ];
  const all = Array.from({ length: ROWS }, (_, r) => r);
  const parts = step === 1 ? [""] : [".x", ".y", ".z", ".w"];
  return {
    label,
    writes,
    writeComponents: unit,
    reads: reads.map(({ read }) => read),
    workgroupSize: [64, 1, 1],
    workgroups: gridOf(Math.ceil((across * blocks) / 64)),
    code: `${reads.map(({ code }) => code).join("\n")}
fn kernel(index: i32) {
  if (index >= ${across * blocks}) { return; }
  let column = index % ${across};
  let first = (index / ${across}) * ${ROWS};
  ${all.map((r) => `let row_${r} = min(first + ${r}, ${rows - 1}); var sum_${r} = ${bias ? "unit_bias(column)" : `${type}()`};`).join("\n  ")}
  for (var k = 0; k < ${depth / step}; k++) {
    ${all.map((r) => `let x_${r} = unit_x(row_${r} * ${depth / step} + k);`).join(" ")}
    ${parts
      .map(
        (part, p) =>
          `{ let w = unit_weights((k * ${step} + ${p}) * ${across} + column); ${all.map((r) => `sum_${r} += x_${r}${part} * w;`).join(" ")} }`,
      )
      .join("\n    ")}
  }
  ${all.map((r) => `if (first + ${r} < ${rows}) { result[(first + ${r}) * ${across} + column] = sum_${r}; }`).join("\n  ")}
}`,
  };
}
