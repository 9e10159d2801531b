/** Einsum on labelled dims: an invocation a result sums the products over the labels that the result lacks. */
import { sizeOf, stridesOf } from "../../../kernels/access.ts";
import { elementwise, is64Bit, isElement, MOST_OPERANDS, scalarOf } from "./elementwise.ts";
import { offsetOf } from "./layout.ts";
import { single } from "./moves.ts";
import type { OperandShape, WgslKernel, WgslTable } from "./types.ts";

/** Products added up before a new sum begins, so that the error of long sums stays small. */
const SHORT = 64;
/** Most products in all; beyond, a form that nothing covers better is the host's. */
const MOST_PRODUCTS = 2 ** 34;

/** Stride of an operand over each label. One that stands twice walks the diagonal; a dim of 1 is repeated. */
function labelStrides({ shape }: OperandShape, labels: readonly number[], count: number): number[] {
  const own = stridesOf(shape);
  const strides = new Array<number>(count).fill(0);
  labels.forEach((label, d) => {
    if (shape[d] !== 1) strides[label] = strides[label]! + own[d]!;
  });
  return strides;
}

/** attrs: terms ("0,1|1,2": labels of each operand), sizes by label, outputRank: labels below it are the result's dims. */
const einsum: WgslKernel = ({ inputs, outputs: [y], attrs }) => {
  const sizes = attrs.get("sizes");
  const terms = attrs.get("terms");
  const rank = attrs.get("outputRank");
  if (!y || !Array.isArray(sizes) || typeof terms !== "string" || typeof rank !== "number") return undefined;
  if (!isElement(y.dtype) || y.dtype === "bool" || inputs.length > MOST_OPERANDS) return undefined;
  if (inputs.some((type) => !type || type.dtype !== y.dtype)) return undefined;
  const labels = sizes as readonly number[];
  const kept = labels.slice(0, rank);
  const summed = labels.slice(rank);
  const count = sizeOf(summed);
  if (sizeOf(kept) * count > MOST_PRODUCTS) return undefined;
  const strides = terms
    .split("|")
    .map((part, t) => labelStrides(inputs[t]!, part === "" ? [] : part.split(",").map(Number), labels.length));
  const bases = strides.map(
    (own, t) => `let base${t} = ${offsetOf({ shape: kept, strides: own.slice(0, rank), base: 0 }, "e")};`,
  );
  const loads = strides.map(
    (own, t) => `load_in${t}(base${t} + ${offsetOf({ shape: summed, strides: own.slice(rank), base: 0 }, "r")})`,
  );
  const long = is64Bit(y.dtype);
  const product = loads.reduce((a, b) => (long ? `mulLong(${a}, ${b})` : `${a} * ${b}`));
  const add = (a: string, b: string): string => (long ? `addLong(${a}, ${b})` : `${a} + ${b}`);
  const zero = `${scalarOf(y.dtype)}()`;
  return single(
    elementwise({
      label: "Einsum",
      writes: { output: 0 },
      dtype: y.dtype,
      shape: y.shape,
      heavy: true,
      operands: inputs.map((type, input) => ({
        from: { input },
        dtype: type!.dtype,
        size: sizeOf(type!.shape),
        walk: null,
      })),
      body: `${bases.join("\n  ")}
  var total = ${zero};
  for (var block = 0u; block < ${count}u; block = block + ${SHORT}u) {
    var part = ${zero};
    for (var r = block; r < min(block + ${SHORT}u, ${count}u); r = r + 1u) { part = ${add("part", product)}; }
    total = ${add("total", "part")};
  }
  return total;`,
    }),
  );
};

export const einsumKernels: WgslTable = { Einsum: einsum };
