/**
 * Direct convolutions of any rank: grouped, dilated, unevenly padded; channels first, and the grouped and
 * depthwise ones channels last. An invocation computes a few filters at a few positions, so that each
 * loaded weight and input is used more than once.
 */
import { sizeOf, stridesOf } from "../../../kernels/access.ts";
import { intAttr, intsAttr } from "../../../kernels/attributes.ts";
import type { CallShape, OperandShape, Ref, WgslCall, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";
import {
  areFloats,
  convert,
  elementRead,
  gridOf,
  largestUnit,
  pointwise,
  unitRead,
  unitType,
  type UnitRead,
  type UnitSize,
} from "./units.ts";
import { coordinates, overTaps, type Window } from "./windows.ts";

const WORKGROUP = 64;
/** Invocations that keep a large device busy: below, each does less. */
const MANY = 1 << 14;

/** Filters that an invocation computes at once: neighbours in one group. */
const filterBlock = (perGroup: number): UnitSize => (perGroup % 4 === 0 ? 4 : perGroup % 2 === 0 ? 2 : 1);

interface Planes {
  readonly batch: number;
  readonly channels: number;
  readonly filters: number;
  readonly group: number;
  /** Channels that a filter sees. */
  readonly depth: number;
}

const windowOf = (
  { attrs }: CallShape,
  input: readonly number[],
  output: readonly number[],
  kernel: readonly number[],
): Window => ({
  input,
  output,
  kernel,
  strides: intsAttr(attrs, "strides"),
  pads: intsAttr(attrs, "pads").slice(0, input.length),
  dilations: intsAttr(attrs, "dilations"),
});

/** Weights of a block of filters as one unit: element e is that of filter m + e. */
const blockOf = (block: UnitSize, element: (e: number) => string): string =>
  block === 1 ? element(0) : `${unitType(block)}(${Array.from({ length: block }, (_, e) => element(e)).join(", ")})`;

const partOf = (block: UnitSize, e: number): string => (block === 1 ? "" : `.${"xyzw"[e]}`);

/** Results as float32; where they are narrower, by a hidden tensor that is packed afterwards. */
function asFloat32(y: OperandShape, label: string, make: (writes: Ref) => WgslDispatch): WgslCall {
  if (y.dtype === "float32") return { temporaries: [], dispatches: [make({ output: 0 })] };
  const temporary = { temporary: 0 };
  return {
    temporaries: [{ dtype: "float32", shape: y.shape }],
    dispatches: [make(temporary), convert(`${label}/pack`, temporary, { output: 0 }, y)],
  };
}

/** Loops over taps of several positions at once: per position `x_j` is the input or 0 in the padding. */
function blockTaps(w: Window, count: number, body: string): string {
  const inStrides = stridesOf(w.input);
  const tapStrides = stridesOf(w.kernel);
  const rank = w.input.length;
  const js = Array.from({ length: count }, (_, j) => j);
  const dims = Array.from({ length: rank }, (_, d) => d);
  const places = js.map((j) => {
    const indices = dims.map(
      (d) => `let i${j}_${d} = o${j}_${d} * ${w.strides[d]} - ${w.pads[d]} + t${d} * ${w.dilations[d]};`,
    );
    const inside = dims.map((d) => `i${j}_${d} >= 0 && i${j}_${d} < ${w.input[d]}`).join(" && ");
    const at = dims.map((d) => `i${j}_${d} * ${inStrides[d]}`).join(" + ");
    return `${indices.join(" ")} let in_${j} = ${inside}; let at_${j} = ${at};`;
  });
  const inner = `let tap = ${dims.map((d) => `t${d} * ${tapStrides[d]}`).join(" + ")};
${places.join("\n")}
if (${js.map((j) => `in_${j}`).join(" || ")}) {
${body}
}`;
  return dims.reduceRight((code, d) => `for (var t${d} = 0; t${d} < ${w.kernel[d]}; t${d}++) {\n${code}\n}`, inner);
}

/** Channels first. Operands: x [N,C,d...], w [M,C/group,k...], bias. */
const conv: WgslKernel = (call) => {
  const [x, w, bias] = call.inputs;
  const [y] = call.outputs;
  if (!x || !w || !y || !areFloats(x, w, bias, y)) return undefined;
  const [batch, channels, ...input] = x.shape as [number, number, ...number[]];
  const [filters, depth, ...kernel] = w.shape as [number, number, ...number[]];
  const planes: Planes = { batch, channels, filters, depth, group: intAttr(call.attrs, "group") };
  const window = windowOf(call, input, y.shape.slice(2), kernel);
  return asFloat32(y, "Conv", (writes) => convDispatch(planes, window, x, w, bias, writes));
};

function convDispatch(
  { batch, channels, filters, depth, group }: Planes,
  w: Window,
  x: OperandShape,
  weights: OperandShape,
  bias: OperandShape | null | undefined,
  writes: Ref,
): WgslDispatch {
  const positions = sizeOf(w.output);
  const plane = sizeOf(w.input);
  const taps = sizeOf(w.kernel);
  const perGroup = filters / group;
  const block = filterBlock(perGroup);
  const blocks = filters / block;
  // Positions a lane apart, so that lanes read and write side by side.
  const each = [4, 2, 1].find((n) => n === 1 || (positions >= n * 32 && (batch * blocks * positions) / n >= MANY))!;
  const lanes = Math.ceil(positions / each);
  const total = batch * blocks * lanes;
  const reads = [
    elementRead("x", { input: 0 }, x),
    elementRead("w", { input: 1 }, weights),
    ...(bias ? [elementRead("bias", { input: 2 }, bias)] : []),
  ];
  const js = Array.from({ length: each }, (_, j) => j);
  const type = unitType(block);
  const es = Array.from({ length: block }, (_, e) => e);
  return {
    label: "Conv",
    writes,
    reads: reads.map(({ read }) => read),
    workgroupSize: [WORKGROUP, 1, 1],
    workgroups: gridOf(Math.ceil(total / WORKGROUP)),
    code: `${reads.map(({ code }) => code).join("\n")}
fn kernel(index: i32) {
  if (index >= ${total}) { return; }
  let lane = index % ${lanes};
  let m = ((index / ${lanes}) % ${blocks}) * ${block};
  let n = index / ${lanes * blocks};
  let start = (n * ${channels} + (m / ${perGroup}) * ${depth}) * ${plane};
  ${js.map((j) => `let p_${j} = min(lane + ${j * lanes}, ${positions - 1}); ${coordinates(`o${j}_`, `p_${j}`, w.output)} var sum_${j} = ${bias ? blockOf(block, (e) => `load_bias(m + ${e})`) : `${type}()`};`).join("\n  ")}
  ${blockTaps(
    w,
    each,
    // The padding is tested once a tap; a sum a tap keeps long sums accurate.
    `${js.map((j) => `var part_${j} = ${type}();`).join(" ")}
for (var c = 0; c < ${depth}; c++) {
  let weight = ${blockOf(block, (e) => `load_w(((m + ${e}) * ${depth} + c) * ${taps} + tap)`)};
  ${js.map((j) => (each === 1 ? `part_0 += load_x(start + c * ${plane} + at_0) * weight;` : `if (in_${j}) { part_${j} += load_x(start + c * ${plane} + at_${j}) * weight; }`)).join("\n  ")}
}
${js.map((j) => `sum_${j} += part_${j};`).join(" ")}`,
  )}
  ${js.map((j) => `${j === 0 ? "" : `if (lane + ${j * lanes} < ${positions}) `}{ ${es.map((e) => `result[(n * ${filters} + m + ${e}) * ${positions} + p_${j}] = sum_${j}${partOf(block, e)};`).join(" ")} }`).join("\n  ")}
}`,
  };
}

/** Channels first. Operands: x [N,C,d...], w [C,M/group,k...], bias. Each result gathers the inputs that reach it. */
const convTranspose: WgslKernel = (call) => {
  const [x, w, bias] = call.inputs;
  const [y] = call.outputs;
  if (!x || !w || !y || !areFloats(x, w, bias, y)) return undefined;
  const [batch, channels, ...input] = x.shape as [number, number, ...number[]];
  const [, perGroup, ...kernel] = w.shape as [number, number, ...number[]];
  const group = intAttr(call.attrs, "group");
  const filters = perGroup * group;
  const depth = channels / group;
  const output = y.shape.slice(2);
  const window = windowOf(call, input, output, kernel);
  const positions = sizeOf(output);
  const plane = sizeOf(input);
  const taps = sizeOf(kernel);
  const block = filterBlock(perGroup);
  const blocks = filters / block;
  const total = batch * blocks * positions;
  const type = unitType(block);
  const reads = [
    elementRead("x", { input: 0 }, x),
    elementRead("w", { input: 1 }, w),
    ...(bias ? [elementRead("bias", { input: 2 }, bias)] : []),
  ];
  const inStrides = stridesOf(input);
  const tapStrides = stridesOf(kernel);
  const dims = input.map((_, d) => d);
  const body = `let tap = ${dims.map((d) => `t${d} * ${tapStrides[d]}`).join(" + ")};
let at = start + ${dims.map((d) => `i${d} * ${inStrides[d]}`).join(" + ")};
var part = ${type}();
for (var c = 0; c < ${depth}; c++) {
  let place = ((first + c) * ${perGroup} + own) * ${taps} + tap;
  part += load_x(at + c * ${plane}) * ${blockOf(block, (e) => `load_w(place + ${e * taps})`)};
}
sum += part;`;
  const loops = dims.reduceRight((code, d) => {
    const stride = window.strides[d]!;
    const dilation = window.dilations[d]!;
    // Undilated, the taps that hit an input are one stride apart.
    const isDirect = dilation === 1;
    const first = isDirect && stride > 1 ? `(o${d} + ${window.pads[d]}) % ${stride}` : "0";
    const step = isDirect ? stride : 1;
    const whole = isDirect || stride === 1 ? "" : `s${d} % ${stride} == 0 && `;
    return `for (var t${d} = ${first}; t${d} < ${kernel[d]}; t${d} += ${step}) {
let s${d} = o${d} + ${window.pads[d]} - t${d} * ${dilation};
let i${d} = s${d} / ${stride};
if (${whole}s${d} >= 0 && i${d} < ${input[d]}) {
${code}
}
}`;
  }, body);
  return asFloat32(y, "ConvTranspose", (writes) => ({
    label: "ConvTranspose",
    writes,
    reads: reads.map(({ read }) => read),
    workgroupSize: [WORKGROUP, 1, 1],
    workgroups: gridOf(Math.ceil(total / WORKGROUP)),
    code: `${reads.map(({ code }) => code).join("\n")}
fn kernel(index: i32) {
  if (index >= ${total}) { return; }
  let p = index % ${positions};
  let m = ((index / ${positions}) % ${blocks}) * ${block};
  let n = index / ${positions * blocks};
  let own = m % ${perGroup};
  let first = (m / ${perGroup}) * ${depth};
  let start = (n * ${channels} + first) * ${plane};
  ${coordinates("o", "p", output)}
  var sum = ${bias ? blockOf(block, (e) => `load_bias(m + ${e})`) : `${type}()`};
  ${loops}
  ${Array.from({ length: block }, (_, e) => `result[(n * ${filters} + m + ${e}) * ${positions} + p] = sum${partOf(block, e)};`).join("\n  ")}
}`,
  }));
};

/** Code of an activation of `v`; NaN comes through relu. */
function activated(activation: string, unit: UnitSize): string | undefined {
  const type = unitType(unit);
  if (activation === "none") return "v";
  // Compared, not max: whether max keeps NaN is the driver's choice.
  if (activation === "relu") return `select(v, ${type}(), v < ${type}())`;
  if (activation === "relu6") return `select(select(v, ${type}(6f), v > ${type}(6f)), ${type}(), v < ${type}())`;
  return undefined;
}

/** Channels last, grouped: x [N,H,W,C], w [kh,kw,C/group,M], bias. One group is another kernel's. */
export const groupedConvNhwc: WgslKernel = (call) => {
  const [x, w, bias] = call.inputs;
  const [y] = call.outputs;
  if (!x || !w || !y || !areFloats(x, w, bias, y) || x.shape.length !== 4) return undefined;
  const group = intAttr(call.attrs, "group");
  if (group === 1) return undefined;
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const [kh, kw, depth, filters] = w.shape as [number, number, number, number];
  const window = windowOf(call, [height, width], y.shape.slice(1, 3), [kh, kw]);
  const perGroup = filters / group;
  const isDepthwise = depth === 1 && perGroup === 1;
  // A unit of filters lies in one group, or has one channel each.
  const unit = largestUnit([y.dtype], isDepthwise ? filters : perGroup) ?? 1;
  const activation = String(call.attrs.get("activation") ?? "none");
  if (activated(activation, unit) === undefined) return undefined;
  const positions = sizeOf(window.output);
  return {
    temporaries: [],
    dispatches: [
      pointwise({
        label: isDepthwise ? "ConvNHWC/depthwise" : "ConvNHWC/grouped",
        writes: { output: 0 },
        type: y,
        divisor: unit,
        body(size) {
          const type = unitType(size);
          const units = filters / size;
          const reads: UnitRead[] = [
            isDepthwise ? unitRead("x", { input: 0 }, x, size) : elementRead("x", { input: 0 }, x),
            unitRead("w", { input: 1 }, w, size),
            ...(bias ? [unitRead("bias", { input: 2 }, bias, size)] : []),
          ];
          const tap = isDepthwise
            ? `sum += unit_x((start + at) * ${units} + m) * unit_w(tap * ${units} + m);`
            : `var part = ${type}();
for (var c = 0; c < ${depth}; c++) { part += load_x((start + at) * ${channels} + first + c) * unit_w((tap * ${depth} + c) * ${units} + m); }
sum += part;`;
          return {
            reads,
            code: `fn compute(u: i32) -> ${type} {
  let m = u % ${units};
  let p = (u / ${units}) % ${positions};
  let start = (u / ${units * positions}) * ${height * width};
  ${isDepthwise ? "" : `let first = ((m * ${size}) / ${perGroup}) * ${depth};`}
  ${coordinates("o", "p", window.output)}
  var sum = ${bias ? "unit_bias(m)" : `${type}()`};
  ${overTaps(window, tap)}
  let v = sum;
  return ${activated(activation, size)};
}`,
          };
        },
      }),
    ],
  };
};

export const convKernels: WgslTable = { Conv: conv, ConvNHWC: groupedConvNhwc, ConvTranspose: convTranspose };
