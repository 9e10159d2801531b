/**
 * Which steps our own WebAssembly kernels compute, and how they are called. Like tfjs-kernels.ts, only
 * forms that are tested against the reference kernels; it is also asked while planning, for the scratch
 * that these forms need instead of the reference kernel's.
 */
import type { TensorType } from "../../../ir/types.ts";
import { broadcastStrides, forEachIndex, sizeOf } from "../../../kernels/access.ts";
import { isAllFloat32, tfjsCall, type StepShape } from "../tfjs-kernels.ts";
import { attention } from "./attention.ts";
import { multiHeadAttention, packedAttention } from "./contrib-attention.ts";
import { groupQueryAttention } from "./group-query-attention.ts";
import { conv } from "./conv.ts";
import { convTranspose } from "./conv-transpose.ts";
import { gather, gatherElements } from "./gather.ts";
import { groupedConv } from "./grouped-conv.ts";
import type { OwnFunctions } from "./index.ts";
import { lstm } from "./lstm.ts";
import { concat, expand, slice, split, transpose } from "./moves.ts";
import { REDUCTIONS } from "./reduce.ts";
import { resize } from "./resize.ts";
import { rotaryEmbedding } from "./rotary.ts";

/** Where a step's tensors are. */
export interface StepPlaces {
  readonly functions: OwnFunctions;
  /** Byte addresses by operand and result position; of scratch, in order. */
  input(position: number): number;
  output(position: number): number;
  scratch(position: number): number;
  /** The heap as it is now: what holds views of it is bound anew when it grows. */
  readonly heap: ArrayBufferLike;
}

export interface OwnStep {
  readonly scratch: readonly TensorType[];
  bind(places: StepPlaces): () => void;
}

export type OwnSelector = (step: StepShape) => OwnStep | undefined;

const FLOAT = 4;

/** An elementwise function by what the attributes say. */
const elementwise =
  (nameOf: (attrs: StepShape["attrs"]) => string): OwnSelector =>
  ({ inputs, outputs, attrs }) => {
    const [x] = inputs;
    if (!x || !outputs[0]) return undefined;
    const bytes = FLOAT * sizeOf(x.shape);
    const name = nameOf(attrs);
    return {
      scratch: [],
      bind({ functions, input, output }) {
        const f = functions[name]!;
        const [from, to] = [input(0), output(0)];
        return () => f(from, to, bytes);
      },
    };
  };

/** One exponent for all. Of 2 and 3, which is what graphs have, the powers are products. */
const pow: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x, exponent] = inputs;
  const y = outputs[0];
  if (!x || !exponent || !y || sizeOf(exponent.shape) !== 1 || attrs.has("bShape")) return undefined;
  const count = sizeOf(x.shape);
  if (sizeOf(y.shape) !== count) return undefined;
  return {
    scratch: [],
    bind({ functions, input, output, heap }) {
      const [square, cube] = [functions["square"]!, functions["cube"]!];
      const [from, to] = [input(0), output(0)];
      const [read, power, write] = [
        new Float32Array(heap, from, count),
        new Float32Array(heap, input(1), 1),
        new Float32Array(heap, to, count),
      ];
      return () => {
        const by = power[0]!;
        if (by === 2) square(from, to, FLOAT * count);
        else if (by === 3) cube(from, to, FLOAT * count);
        // IEEE 754 and JavaScript differ for a base of 1 and for one of -1 with an infinite exponent.
        else
          for (let i = 0; i < count; i++) {
            const base = read[i]!;
            write[i] = base === 1 || (base === -1 && Math.abs(by) === Infinity) ? 1 : base ** by;
          }
      };
    },
  };
};

const layerNorm: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x, scale, bias] = inputs;
  if (!x || !scale || !outputs[0] || outputs[1] || outputs[2]) return undefined;
  const count = sizeOf(x.shape.slice(Number(attrs.get("axis"))));
  if (sizeOf(scale.shape) !== count || (bias && sizeOf(bias.shape) !== count)) return undefined;
  const rows = sizeOf(x.shape) / count;
  const epsilon = Number(attrs.get("epsilon"));
  return {
    scratch: [],
    bind({ functions, input, output }) {
      const f = bias ? functions["layerNorm"]! : functions["layerNormUnbiased"]!;
      const [from, to, factor, shift] = [input(0), output(0), input(1), bias ? input(2) : 0];
      return () => f(from, to, factor, shift, rows, FLOAT * count, epsilon);
    },
  };
};

const rmsNorm: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x, scale] = inputs;
  if (!x || !scale || !outputs[0] || outputs[1]) return undefined;
  const count = sizeOf(x.shape.slice(Number(attrs.get("axis"))));
  if (sizeOf(scale.shape) !== count) return undefined;
  const rows = sizeOf(x.shape) / count;
  const epsilon = Number(attrs.get("epsilon"));
  return {
    scratch: [],
    bind({ functions, input, output }) {
      const f = functions["rmsNorm"]!;
      const [from, to, factor] = [input(0), output(0), input(1)];
      return () => f(from, to, factor, 0, rows, FLOAT * count, epsilon);
    },
  };
};

const groupNorm: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x, scale, bias] = inputs;
  if (!x || !scale || !bias || !outputs[0] || attrs.get("per_channel") !== true) return undefined;
  const groups = Number(attrs.get("groups"));
  const [batch, channels] = x.shape as [number, number];
  const inner = sizeOf(x.shape.slice(2));
  const epsilon = Number(attrs.get("epsilon"));
  return {
    scratch: [],
    bind({ functions, input, output }) {
      const f = functions["groupNorm"]!;
      const [from, to, factor, shift] = [input(0), output(0), input(1), input(2)];
      return () => f(from, to, factor, shift, batch * groups, groups, channels / groups, FLOAT * inner, epsilon);
    },
  };
};

/** NumPy's matmul; batch dims broadcast. */
const matMul: OwnSelector = ({ inputs, outputs }) => {
  const [a, b] = inputs;
  if (!a || !b || !outputs[0] || a.shape.length < 2 || b.shape.length < 2) return undefined;
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape.at(-1)!;
  const rank = Math.max(a.shape.length, b.shape.length);
  const batchOf = (shape: readonly number[]): number[] => [
    ...Array.from({ length: rank - shape.length }, () => 1),
    ...shape.slice(0, -2),
  ];
  const [left, right] = [batchOf(a.shape), batchOf(b.shape)];
  const batch = left.map((dim, d) => (dim === 1 ? right[d]! : dim));
  const products: [number, number, number][] = [];
  const strides = [
    broadcastStrides(left, batch).map((stride) => stride * m * k * FLOAT),
    broadcastStrides(right, batch).map((stride) => stride * k * n * FLOAT),
  ];
  forEachIndex(batch, strides, (i, [p = 0, q = 0]) => products.push([p, q, i * m * n * FLOAT]));
  return {
    scratch: [],
    bind({ functions, input, output }) {
      const f = functions["product"]!;
      const calls = products.map(([p, q, r]) => [input(0) + p, input(1) + q, output(0) + r] as const);
      return () => {
        for (const [p, q, r] of calls) f(p, q, r, m, n, k, FLOAT * k, FLOAT, FLOAT * n, FLOAT * n);
      };
    },
  };
};

/** Bias of one number a column, or none. A B' with both along k goes by dot products; a left operand along m wants alpha 1. */
const gemm: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [a, b, c] = inputs;
  const output = outputs[0];
  if (!a || !b || !output || attrs.has("activation")) return undefined;
  const [m, n] = output.shape as [number, number];
  const [left, right] = [attrs.get("transA") === 1, attrs.get("transB") === 1];
  const k = a.shape[left ? 0 : 1]!;
  if (c && (attrs.get("beta") !== 1 || sizeOf(c.shape) !== n || c.shape.at(-1) !== n)) return undefined;
  const alpha = Number(attrs.get("alpha"));
  if (right)
    return left
      ? undefined
      : {
          scratch: [],
          bind({ functions, input, output: to }) {
            const f = functions["dots"]!;
            const [x, w, result, bias] = [input(0), input(1), to(0), c ? input(2) : 0];
            return () => f(x, w, result, bias, m, n, k, alpha);
          },
        };
  if (alpha !== 1) return undefined;
  return {
    scratch: [],
    bind({ functions, input, output: to, heap }) {
      const f = c ? functions["addProduct"]! : functions["product"]!;
      const [x, w, result] = [input(0), input(1), to(0)];
      const rows = new Float32Array(heap, result, m * n);
      const bias = c && new Float32Array(heap, input(2), n);
      const [aRow, aColumn] = left ? [FLOAT, FLOAT * m] : [FLOAT * k, FLOAT];
      return () => {
        if (bias) for (let i = 0; i < m; i++) rows.set(bias, i * n);
        f(x, w, result, m, n, k, aRow, aColumn, FLOAT * n, FLOAT * n);
      };
    },
  };
};

/** x factor + shift with both made of the operands at every run, in scratch. */
const batchNorm: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x] = inputs;
  if (!x || !outputs[0] || inputs.length !== 5 || inputs.some((operand) => !operand)) return undefined;
  const channels = x.shape.at(-1)!;
  const rows = sizeOf(x.shape) / channels;
  const epsilon = Number(attrs.get("epsilon"));
  return {
    scratch: [{ dtype: "float32", shape: [2, channels] }],
    bind({ functions, input, output, scratch, heap }) {
      const f = functions["affine"]!;
      const [from, to, table] = [input(0), output(0), scratch(0)];
      const view = (at: number): Float32Array => new Float32Array(heap, at, channels);
      const [scale, bias, mean, variance] = [1, 2, 3, 4].map((i) => view(input(i))) as [
        Float32Array,
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const [factor, shift] = [view(table), view(table + FLOAT * channels)];
      return () => {
        for (let c = 0; c < channels; c++) {
          const slope = scale[c]! / Math.sqrt(variance[c]! + epsilon);
          factor[c] = slope;
          shift[c] = bias[c]! - mean[c]! * slope;
        }
        f(from, to, table, table + FLOAT * channels, rows, FLOAT * channels);
      };
    },
  };
};

/**
 * Along an axis that is not the last; along the last, TensorFlow.js's is faster. attrs: count (elements
 * normalised together), inner (their distance).
 */
const softmax: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x] = inputs;
  const [count, inner] = [Number(attrs.get("count")), Number(attrs.get("inner"))];
  if (!x || !outputs[0] || inner === 1) return undefined;
  const blocks = sizeOf(x.shape) / (count * inner);
  return {
    scratch: [],
    bind({ functions, input, output }) {
      const f = functions["softmaxColumns"]!;
      const [from, to] = [input(0), output(0)];
      return () => f(from, to, blocks, count, FLOAT * inner);
    },
  };
};

/** Krizhevsky's exponent only: it needs no power function. */
const lrn: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x] = inputs;
  if (!x || !outputs[0] || attrs.get("beta") !== 0.75) return undefined;
  const [images, channels] = x.shape as [number, number];
  const plane = FLOAT * sizeOf(x.shape.slice(2));
  const size = Number(attrs.get("size"));
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const [bias, alpha] = [Number(attrs.get("bias")), Number(attrs.get("alpha")) / size];
  return {
    scratch: [],
    bind({ functions, input, output }) {
      const f = functions["lrn"]!;
      const [from, to] = [input(0), output(0)];
      return () => f(from, to, images, channels, plane, before, after, bias, alpha);
    },
  };
};

const SELECTORS: ReadonlyMap<string, OwnSelector> = new Map([
  ["Gelu", elementwise((attrs) => (attrs.get("approximate") === "tanh" ? "geluTanh" : "gelu"))],
  ["Sigmoid", elementwise(() => "sigmoid")],
  ["Tanh", elementwise(() => "tanh")],
  ["Erf", elementwise(() => "erf")],
  ["Exp", elementwise(() => "wideExp")],
  ["Neg", elementwise(() => "negative")],
  ["Abs", elementwise(() => "absolute")],
  ["Sqrt", elementwise(() => "root")],
  ["Reciprocal", elementwise(() => "reciprocal")],
  ["Pow", pow],
  ...REDUCTIONS,
  ["LayerNormalization", layerNorm],
  ["RMSNormalization", rmsNorm],
  ["GroupNormalization", groupNorm],
  ["MatMul", matMul],
  ["Gemm", gemm],
  ["BatchNormalizationNHWC", batchNorm],
  ["Conv", conv],
  ["ConvNHWC", groupedConv],
  ["ConvTranspose", convTranspose],
  ["LRN", lrn],
  ["LSTM", lstm],
  ["Resize", resize],
  ["Softmax", softmax],
]);

/** Those with operands of other types, which they look at themselves. */
const MIXED: ReadonlyMap<string, OwnSelector> = new Map([
  ["Attention", attention],
  ["ContribAttention", packedAttention],
  ["MultiHeadAttention", multiHeadAttention],
  ["GroupQueryAttention", groupQueryAttention],
  ["RotaryEmbedding", rotaryEmbedding],
  ["Gather", gather],
  ["GatherElements", gatherElements],
  ["Concat", concat],
  ["Split", split],
  ["Slice", slice],
  ["Expand", expand],
  ["Transpose", (step) => (tfjsCall("Transpose", step) === undefined ? transpose(step) : undefined)],
]);

/** How our kernels compute a step (results without scratch), or undefined where they don't. */
export function ownStep(kernel: string, step: StepShape): OwnStep | undefined {
  const mixed = MIXED.get(kernel);
  if (mixed !== undefined) return mixed(step);
  const selector = SELECTORS.get(kernel);
  return selector !== undefined && isAllFloat32(step) ? selector(step) : undefined;
}

/**
 * Scratch that a step needs on this backend; undefined where the reference kernel computes it and brings
 * its own. `inputs`, `outputs`: shapes without scratch.
 */
export function nativeScratch(kernel: string, step: StepShape): readonly TensorType[] | undefined {
  return ownStep(kernel, step)?.scratch ?? (tfjsCall(kernel, step) === undefined ? undefined : []);
}
