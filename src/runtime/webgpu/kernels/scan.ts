/** Running sums and products. Few long lines are cut into chunks, one an invocation of a workgroup. */
import { sizeOf } from "../../../kernels/access.ts";
import { flagAttr, intAttr } from "../../../kernels/attributes.ts";
import type { DType } from "../../../ir/dtype.ts";
import { is64Bit, isElement, loaderOf, scalarOf } from "./elementwise.ts";
import { invocations, spread } from "./grid.ts";
import { withMath } from "./math.ts";
import { packedAfter } from "./reduction.ts";
import type { OperandShape, Ref, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";

const GROUP = 64;

interface Scan {
  readonly label: string;
  readonly empty: (scalar: string) => string;
  readonly step: (dtype: DType) => string;
}

function scanDispatch(
  scan: Scan,
  x: OperandShape,
  axis: number,
  exclusive: boolean,
  reverse: boolean,
  writes: Ref,
  dtype: DType,
): WgslDispatch {
  const count = x.shape[axis]!;
  const inner = sizeOf(x.shape.slice(axis + 1));
  const lines = sizeOf(x.shape) / count;
  const scalar = scalarOf(x.dtype);
  const long = count >= 512 && lines < 1024;
  const chunk = Math.ceil(count / GROUP);
  const stored = is64Bit(dtype) ? "bitcast<vec2<i32>>(value)" : dtype === "uint32" ? "bitcast<i32>(value)" : "value";
  const write = (value: string): string => `{ let value = ${value}; result[at] = ${stored}; }`;
  const position = `base + ${reverse ? `(${count - 1} - k)` : "k"} * ${inner}`;
  const body = `let at = ${position};
    let next = join(total, load_in0(at));
    ${write(exclusive ? "total" : "next")}
    total = next;`;
  const functions = `${loaderOf("in0", x.dtype)}
fn join(p: ${scalar}, q: ${scalar}) -> ${scalar} { return ${scan.step(x.dtype)}; }
fn start(line: i32) -> i32 { return (line / ${inner}) * ${count * inner} + line % ${inner}; }`;
  const components = is64Bit(x.dtype) ? 2 : 1;
  const common = {
    label: scan.label,
    writes,
    writeComponents: is64Bit(dtype) ? (2 as const) : (1 as const),
    reads: [{ name: "in0", from: { input: 0 }, components } as const],
  };
  if (!long)
    return {
      ...common,
      ...invocations(lines),
      code: withMath(`${functions}
fn kernel(index: i32) {
  if (index >= ${lines}) { return; }
  let base = start(index);
  var total = ${scan.empty(scalar)};
  for (var k = 0; k < ${count}; k = k + 1) {
    ${body}
  }
}`),
    };
  return {
    ...common,
    workgroupSize: [GROUP, 1, 1],
    workgroups: spread(lines),
    code: withMath(`var<workgroup> parts: array<${scalar}, ${GROUP}>;
${functions}
fn kernel(index: i32) {
  let lane = i32(localIndex);
  let group = index / ${GROUP};
  let base = start(min(group, ${lines - 1}));
  let head = min(lane * ${chunk}, ${count});
  let end = select(head, min(head + ${chunk}, ${count}), group < ${lines});
  var total = ${scan.empty(scalar)};
  for (var k = head; k < end; k = k + 1) { total = join(total, load_in0(${position})); }
  parts[lane] = total;
  workgroupBarrier();
  total = ${scan.empty(scalar)};
  for (var p = 0; p < lane; p = p + 1) { total = join(total, parts[p]); }
  for (var k = head; k < end; k = k + 1) {
    ${body}
  }
}`),
  };
}

/** attrs: axis, exclusive, reverse. */
const scanKernel =
  (scan: Scan): WgslKernel =>
  ({ inputs: [x], outputs: [y], attrs }) => {
    if (!x || !y || !isElement(x.dtype) || x.dtype === "bool" || x.dtype !== y.dtype) return undefined;
    const axis = intAttr(attrs, "axis");
    const [exclusive, reverse] = [flagAttr(attrs, "exclusive"), flagAttr(attrs, "reverse")];
    return packedAfter(y, (writes, dtype) => ({
      temporaries: [],
      dispatches: [scanDispatch(scan, x, axis, exclusive, reverse, writes, dtype)],
    }));
  };

export const scanKernels: WgslTable = {
  CumSum: scanKernel({
    label: "CumSum",
    empty: (scalar) => `${scalar}()`,
    step: (dtype) => (is64Bit(dtype) ? "addLong(p, q)" : "p + q"),
  }),
  CumProd: scanKernel({
    label: "CumProd",
    empty: (scalar) => (scalar === "vec2<u32>" ? "vec2<u32>(1u, 0u)" : `${scalar}(1)`),
    step: (dtype) => (is64Bit(dtype) ? "mulLong(p, q)" : "p * q"),
  }),
};
