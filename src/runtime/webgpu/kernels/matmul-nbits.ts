/**
 * MatMulNBits: a float matrix times a weight of 2, 4 or 8 bits, decoded where it is multiplied. Sixteen
 * invocations share a column: neighbours read neighbouring words of it, and each word serves several rows.
 */
import { isFloat } from "../../../ir/dtype.ts";
import { sizeOf } from "../../../kernels/access.ts";
import { intAttr } from "../../../kernels/attributes.ts";
import { isElement, loaderOf } from "./elementwise.ts";
import { spread } from "./grid.ts";
import { withMath } from "./math.ts";
import { packedAfter } from "./reduction.ts";
import type { DispatchRead, OperandShape, Ref, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";

/** Invocations that share a column, and columns of a workgroup. */
const SHARE = 16;
const COLUMNS = 4;
/** Most rows that one decoded word serves. */
const MOST_ROWS = 8;

/** WGSL (f32) of the zero point of a column's block. */
function zeroOf(zeros: OperandShape | null | undefined, blocks: number, columns: number, bits: number): string {
  if (!zeros) return `${2 ** (bits - 1)}.0`;
  if (zeros.dtype !== "uint8") return `load_zeros(column * ${blocks} + block)`;
  const rowBytes = sizeOf(zeros.shape) / columns;
  const byte = `load_zeros(column * ${rowBytes} + ((block * ${bits}) >> 3u))`;
  return `f32(extractBits(${byte}, u32((block * ${bits}) & 7), ${bits}u))`;
}

const matMulNBits: WgslKernel = ({ inputs: [a, b, scales, zeros, groups, bias], outputs: [y], attrs }) => {
  if (!a || !b || !scales || !y || groups || !isFloat(a.dtype) || !isElement(a.dtype)) return undefined;
  if ([scales, bias].some((type) => type && !(isFloat(type.dtype) && isElement(type.dtype)))) return undefined;
  if (zeros && zeros.dtype !== "uint8" && !(isFloat(zeros.dtype) && isElement(zeros.dtype))) return undefined;
  const [bits, blockSize] = [intAttr(attrs, "bits"), intAttr(attrs, "blockSize")];
  const [columns, depth] = [intAttr(attrs, "columns"), intAttr(attrs, "depth")];
  const perWord = 32 / bits;
  if (blockSize % perWord !== 0) return undefined;
  const blocks = Math.ceil(depth / blockSize);
  const words = (blocks * blockSize) / perWord;
  const used = Math.ceil(depth / perWord);
  const total = sizeOf(y.shape) / columns;
  const rows = Math.min(total, MOST_ROWS);
  const each = Array.from({ length: rows }, (_, r) => r);
  // Whole vectors of A, where no word reaches past the depth.
  const wide = a.dtype === "float32" && depth % perWord === 0;
  const clampedRow = (r: number): string => (total % rows === 0 ? `row + ${r}` : `min(row + ${r}, ${total - 1})`);
  const element = (k: string): string => `f32(extractBits(word, ${k} * ${bits}u, ${bits}u)) - zero`;
  const steps = wide
    ? Array.from({ length: perWord / 4 }, (_, v) => {
        const q = [0, 1, 2, 3].map((k) => element(`${4 * v + k}u`)).join(", ");
        const products = each.map(
          (r) => `part${r} = part${r} + dot(a[((${clampedRow(r)}) * ${depth} + first) / 4 + ${v}], q);`,
        );
        return `{ let q = vec4<f32>(${q}); ${products.join(" ")} }`;
      })
    : [
        `for (var k = 0; k < min(${perWord}, ${depth} - first); k = k + 1) {`,
        `  let q = ${element("u32(k)")};`,
        ...each.map((r) => `  part${r} = part${r} + q * load_a((${clampedRow(r)}) * ${depth} + first + k);`),
        "}",
      ];
  const optional = (name: string, input: number, type: OperandShape | null | undefined): DispatchRead[] =>
    type ? [{ name, from: { input } }] : [];
  const loaders = [
    ...(wide ? [] : [loaderOf("a", a.dtype)]),
    loaderOf("scales", scales.dtype),
    ...(zeros ? [loaderOf("zeros", zeros.dtype)] : []),
    ...(bias ? [loaderOf("bias", bias.dtype)] : []),
  ].join("\n");
  const size = SHARE * COLUMNS;
  const columnGroups = Math.ceil(columns / COLUMNS);
  const dispatchOf = (writes: Ref): WgslDispatch => ({
    label: "MatMulNBits",
    writes,
    reads: [
      { name: "a", from: { input: 0 }, components: wide ? 4 : 1 },
      { name: "b", from: { input: 1 } },
      { name: "scales", from: { input: 2 } },
      ...optional("zeros", 3, zeros),
      ...optional("bias", 5, bias),
    ],
    workgroupSize: [size, 1, 1],
    workgroups: spread(columnGroups * Math.ceil(total / rows)),
    code: withMath(`var<workgroup> parts: array<f32, ${size * rows}>;
${loaders}
fn kernel(index: i32) {
  let lane = i32(localIndex);
  let turn = lane % ${SHARE};
  let group = index / ${size};
  let own = (group % ${columnGroups}) * ${COLUMNS} + lane / ${SHARE};
  let column = min(own, ${columns - 1});
  let row = min((group / ${columnGroups}) * ${rows}, ${total - 1});
  ${each.map((r) => `var sum${r} = 0.0;`).join(" ")}
  for (var w = turn; w < ${used}; w = w + ${SHARE}) {
    let word = bitcast<u32>(b[column * ${words} + w]);
    let first = w * ${perWord};
    let block = first / ${blockSize};
    let scale = load_scales(column * ${blocks} + block);
    let zero = ${zeroOf(zeros, blocks, columns, bits)};
    ${each.map((r) => `var part${r} = 0.0;`).join(" ")}
    ${steps.join("\n    ")}
    ${each.map((r) => `sum${r} = sum${r} + part${r} * scale;`).join(" ")}
  }
  ${each.map((r) => `parts[${r * size} + lane] = sum${r};`).join(" ")}
  workgroupBarrier();
  // The invocations of a column take its rows in turn.
  for (var r = turn; r < ${rows}; r = r + ${SHARE}) {
    var sum = ${bias ? "load_bias(column)" : "0.0"};
    let begin = r * ${size} + lane - turn;
    for (var k = 0; k < ${SHARE}; k = k + 1) { sum = sum + parts[begin + k]; }
    let at = (group / ${columnGroups}) * ${rows} + r;
    if (own < ${columns} && at < ${total}) { result[at * ${columns} + column] = sum; }
  }
}`),
  });
  return packedAfter(y, (writes) => ({ temporaries: [], dispatches: [dispatchOf(writes)] }));
};

export const matMulNBitsKernels: WgslTable = { MatMulNBits: matMulNBits };
