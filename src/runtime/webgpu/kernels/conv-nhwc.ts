/**
 * ConvNHWC: x [N,H,W,C], filter [kh,kw,C/group,M], bias [M]. Plain convolutions as a matrix product whose
 * left operand is read from the image in place (implicit GEMM); depthwise ones channel by channel.
 */
import type { AttrValue } from "../../../ir/types.ts";
import { invocations } from "./grid.ts";
import {
  accumulators,
  each,
  groupFor,
  loadVector,
  multiply,
  range,
  storeVector,
  tileFor,
  vectorComponents,
  type Stored,
} from "./product.ts";
import { loadFunction } from "./words.ts";
import type { OperandShape, WgslCall, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";

interface Conv {
  readonly x: OperandShape;
  readonly w: OperandShape;
  readonly bias: OperandShape | undefined;
  readonly y: OperandShape;
  readonly strides: readonly [number, number];
  /** top, left, bottom, right. */
  readonly pads: readonly number[];
  readonly dilations: readonly [number, number];
  readonly activation: string;
}

const isStored = ({ dtype }: OperandShape): boolean => dtype === "float32" || dtype === "float16";
const stored = ({ dtype }: OperandShape): Stored => (dtype === "float16" ? "float16" : "float32");

const ACTIVATIONS: Readonly<Record<string, (value: string) => string>> = {
  none: (value) => value,
  relu: (value) => `relu(${value})`,
  relu6: (value) => `relu6(${value})`,
};

/** NaN stays NaN through an activation: compared, as what max and clamp make of it is the driver's choice. */
const ACTIVATION_FUNCTIONS: Readonly<Record<string, string>> = {
  none: "",
  relu: "fn relu(v: vec4<f32>) -> vec4<f32> { return select(v, vec4<f32>(0.0), v < vec4<f32>(0.0)); }",
  relu6: `fn relu6(v: vec4<f32>) -> vec4<f32> {
  return select(select(v, vec4<f32>(6.0), v > vec4<f32>(6.0)), vec4<f32>(0.0), v < vec4<f32>(0.0));
}`,
};

const activated = ({ activation, bias }: Conv, sum: string, vector: string): string =>
  ACTIVATIONS[activation]!(bias === undefined ? sum : `${sum} + loadC(${vector})`);

const readsOf = ({ x, w, bias }: Conv, xVectors: boolean): WgslDispatch["reads"] => [
  { name: "X", from: { input: 0 }, components: xVectors ? vectorComponents(stored(x)) : 1 },
  { name: "W", from: { input: 1 }, components: vectorComponents(stored(w)) },
  ...(bias === undefined
    ? []
    : [{ name: "C", from: { input: 2 }, components: vectorComponents(stored(bias)) } as const]),
];

const loads = ({ x, w, bias, y, activation }: Conv, xVectors: boolean): string =>
  [
    ACTIVATION_FUNCTIONS[activation]!,
    xVectors ? loadVector("loadX", "X", stored(x)) : loadFunction("X", x.dtype),
    loadVector("loadW", "W", stored(w)),
    bias === undefined ? "" : loadVector("loadC", "C", stored(bias)),
    storeVector(stored(y)),
  ].join("\n");

/** WGSL of the image, line and column where the window of output pixel `pixel` starts, as nR, yR and xR. */
function windowStart({ y, strides, pads }: Conv, r: number, pixel: string): string {
  const [, height, width] = y.shape as [number, number, number, number];
  return `let p${r} = ${pixel};
  let n${r} = p${r} / ${height * width};
  let y${r} = ((p${r} / ${width}) % ${height}) * ${strides[0]} - ${pads[0]};
  let x${r} = (p${r} % ${width}) * ${strides[1]} - ${pads[1]};`;
}

/**
 * Rows of a tile where windows reach into the padding: each row then holds its place and whether it is
 * inside in registers too. On llvmpipe the fastest runs with 8 of them were 8 to 20% faster than those with
 * 4, but SwiftShader's register allocator then takes minutes a shader (40 times as long). No hardware GPU was
 * measured.
 */
const PADDED_ROWS = 4;

/** Implicit GEMM: rows are output pixels, columns filters, depth the window's elements. */
function product(conv: Conv): WgslDispatch {
  const { x, w, y, dilations } = conv;
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const [kh, kw, , filters] = w.shape as [number, number, number, number];
  const [batch, oh, ow] = y.shape as [number, number, number, number];
  const rows = batch * oh * ow;
  const filters4 = filters / 4;
  const [top, left, bottom, right] = conv.pads as [number, number, number, number];
  const inside = top === 0 && left === 0 && bottom <= 0 && right <= 0;
  const tile = tileFor(rows, filters, inside ? Infinity : PADDED_ROWS);
  const vectored = channels % 4 === 0;
  const channels4 = channels / 4;
  const columnTiles = Math.ceil(filters4 / tile.vectors);
  const rowTiles = Math.ceil(rows / tile.rows);
  const [across, down] = groupFor(columnTiles, rowTiles);
  const vectorOf = (v: number): string =>
    filters4 % tile.vectors === 0 ? `vector + ${v}` : `min(vector + ${v}, ${filters4 - 1})`;
  const rowOf = (r: number): string => (rows % tile.rows === 0 ? `row + ${r}` : `min(row + ${r}, ${rows - 1})`);
  const per = vectored ? channels4 : channels;
  const place = each(tile.rows, (r) => {
    const at = `((n${r} * ${height} + line${r}) * ${width} + column${r}) * ${per}`;
    const moved = `let line${r} = y${r} + i * ${dilations[0]}; let column${r} = x${r} + j * ${dilations[1]};`;
    if (inside) return `${moved}\nlet start${r} = ${at};`;
    return `${moved}
      let in${r} = line${r} >= 0 && line${r} < ${height} && column${r} >= 0 && column${r} < ${width};
      let start${r} = select(0, ${at}, in${r});`;
  });
  const taken = (r: number, value: string, zero: string): string =>
    inside ? value : `select(${zero}, ${value}, in${r})`;
  const inner = vectored
    ? `for (var c = 0; c < ${channels4}; c++) {
        ${each(tile.rows, (r) => `let a${r} = ${taken(r, `loadX(start${r} + c)`, "vec4<f32>(0.0)")};`)}
        ${each(4, (k) => each(tile.vectors, (v) => `let b${k}_${v} = loadW((tap + 4 * c + ${k}) * ${filters4} + ${vectorOf(v)});`))}
        ${multiply(tile)}
      }`
    : `for (var c = 0; c < ${channels}; c++) {
        ${each(tile.rows, (r) => `let a${r} = vec4<f32>(${taken(r, `load_X(start${r} + c)`, "0.0")});`)}
        ${each(tile.vectors, (v) => `let b${v} = loadW((tap + c) * ${filters4} + ${vectorOf(v)});`)}
        ${each(tile.rows, (r) => each(tile.vectors, (v) => `s${r}_${v} = fma(a${r}, b${v}, s${r}_${v});`))}
      }`;
  return {
    label: "ConvNHWC",
    writes: { output: 0 },
    writeComponents: vectorComponents(stored(y)),
    reads: readsOf(conv, vectored),
    workgroupSize: [across, down, 1],
    workgroups: [Math.ceil(columnTiles / across), Math.ceil(rowTiles / down), 1],
    code: `${loads(conv, vectored)}
fn kernel(index: i32) {
  let vector = i32(globalId.x) * ${tile.vectors};
  let row = i32(globalId.y) * ${tile.rows};
  if (vector >= ${filters4} || row >= ${rows}) { return; }
  ${each(tile.rows, (r) => windowStart(conv, r, rowOf(r)))}
  ${accumulators(tile)}
  for (var i = 0; i < ${kh}; i++) {
    for (var j = 0; j < ${kw}; j++) {
      let tap = (i * ${kw} + j) * ${channels};
      ${place}
      ${inner}
    }
  }
  ${each(tile.rows, (r) =>
    each(
      tile.vectors,
      (v) =>
        `if (row + ${r} < ${rows} && vector + ${v} < ${filters4}) { put((row + ${r}) * ${filters4} + vector + ${v}, ${activated(conv, `s${r}_${v}`, `vector + ${v}`)}); }`,
    ),
  )}
}`,
  };
}

/** Output pixels of a line that one invocation computes, so that it reads each filter tap once for them. */
const DEPTHWISE_PIXELS = 4;

/** One filter a channel: four channels and a few neighbouring pixels an invocation. */
function depthwise(conv: Conv): WgslDispatch {
  const { x, w, y, strides, dilations, pads } = conv;
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const [kh, kw] = w.shape as [number, number, number, number];
  const [batch, oh, ow] = y.shape as [number, number, number, number];
  const channels4 = channels / 4;
  const pixels = Math.min(DEPTHWISE_PIXELS, ow);
  const blocks = Math.ceil(ow / pixels);
  const count = batch * oh * blocks * channels4;
  // Columns of a line that the pixels' windows touch: each is read once.
  const columns = [
    ...new Set(range(pixels).flatMap((p) => range(kw).map((j) => p * strides[1] + j * dilations[1]))),
  ].sort((a, b) => a - b);
  const inside = (column: string, value: string): string =>
    `select(vec4<f32>(0.0), ${value}, ${column} >= 0 && ${column} < ${width})`;
  return {
    label: "ConvNHWC/depthwise",
    writes: { output: 0 },
    writeComponents: vectorComponents(stored(y)),
    reads: readsOf(conv, true),
    ...invocations(count),
    code: `${loads(conv, true)}
fn kernel(index: i32) {
  if (index >= ${count}) { return; }
  let vector = index % ${channels4};
  let block = (index / ${channels4}) % ${blocks};
  let outLine = index / ${channels4 * blocks};
  let image = outLine / ${oh};
  let y0 = (outLine % ${oh}) * ${strides[0]} - ${pads[0]};
  let x0 = block * ${pixels * strides[1]} - ${pads[1]};
  ${each(pixels, (p) => `var s${p} = vec4<f32>(0.0);`)}
  ${each(
    kh,
    (i) => `let line${i} = y0 + ${i * dilations[0]};
  if (line${i} >= 0 && line${i} < ${height}) {
    let start = (image * ${height} + line${i}) * ${width};
    ${columns
      .map((t) => `let v${t} = ${inside(`x0 + ${t}`, `loadX((start + x0 + ${t}) * ${channels4} + vector)`)};`)
      .join("\n")}
    ${each(kw, (j) => {
      const tap = `let t${j} = loadW(${(i * kw + j) * channels4} + vector);`;
      return `${tap}${each(pixels, (p) => `s${p} = fma(v${p * strides[1] + j * dilations[1]}, t${j}, s${p});`)}`;
    })}
  }`,
  )}
  let to = (outLine * ${ow} + block * ${pixels}) * ${channels4} + vector;
  ${each(
    pixels,
    (p) =>
      `if (block * ${pixels} + ${p} < ${ow}) { put(to + ${p * channels4}, ${activated(conv, `s${p}`, "vector")}); }`,
  )}
}`,
  };
}

const ints = (attrs: ReadonlyMap<string, AttrValue>, name: string): readonly number[] | undefined => {
  const value = attrs.get(name);
  return Array.isArray(value) ? (value as readonly number[]) : undefined;
};

const LARGEST_GRID = 65535;

const convNhwc: WgslKernel = ({ inputs: [x, w, bias], outputs: [y], attrs }): WgslCall | undefined => {
  const [strides, pads, dilations] = [ints(attrs, "strides"), ints(attrs, "pads"), ints(attrs, "dilations")];
  if (!x || !w || !y || x.shape.length !== 4 || strides?.length !== 2 || pads?.length !== 4 || dilations?.length !== 2)
    return undefined;
  if (![x, w, y, ...(bias ? [bias] : [])].every(isStored)) return undefined;
  const activation = String(attrs.get("activation") ?? "none");
  const channels = x.shape[3]!;
  const filters = y.shape[3]!;
  if (filters % 4 !== 0 || ACTIVATIONS[activation] === undefined) return undefined;
  const conv: Conv = {
    x,
    w,
    bias: bias ?? undefined,
    y,
    strides: strides as [number, number],
    pads,
    dilations: dilations as [number, number],
    activation,
  };
  const group = attrs.get("group");
  const isDepthwise = group === channels && group === filters && channels % 4 === 0;
  if (group !== 1 && !isDepthwise) return undefined;
  const dispatch = isDepthwise && channels > 1 ? depthwise(conv) : product(conv);
  if (dispatch.workgroups.some((count) => count > LARGEST_GRID)) return undefined;
  return { temporaries: [], dispatches: [dispatch] };
};

export const convNhwcKernels: WgslTable = { ConvNHWC: convNhwc };
