/** One operator, computed by our rule and kernel and by ONNX Runtime, on the same random operands. */
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { compareTensors } from "../../conformance/compare.ts";
import { DTYPES, type DType } from "../../ir/dtype.ts";
import { bytesOf, makeTensor, sizeOf, tensorOf } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import { interpret } from "../backend-cases.test-util.ts";
import { importModel } from "../import.ts";
import { modelBytes, node, value } from "../model-bytes.test-util.ts";
import { readModel } from "../read.ts";

export interface OperatorCase {
  readonly op: string;
  readonly domain?: string;
  /** Version of ONNX's own operator set; 17 where left out. */
  readonly opset?: number;
  readonly ints?: Readonly<Record<string, number | readonly number[]>>;
  readonly floats?: Readonly<Record<string, number | readonly number[]>>;
  readonly strings?: Readonly<Record<string, string | readonly string[]>>;
  /** By position; null where left out. */
  readonly inputs: readonly (Tensor | null)[];
  /** dtypes of the results asked for, by position; null where one is left out. */
  readonly outputs: readonly (DType | null)[];
}

/** Doubles in [-1, 1) from a fixed multiplicative generator. */
export function randomValues(count: number, seed: number): number[] {
  let state = (seed * 2654435761 + 1) >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export const randomTensor = (shape: readonly number[], seed: number, dtype: DType = "float32"): Tensor =>
  tensorOf(dtype, shape, randomValues(sizeOf(shape), seed));

export const randomInts = (shape: readonly number[], seed: number, low: number, high: number, dtype: DType): Tensor =>
  tensorOf(
    dtype,
    shape,
    randomValues(sizeOf(shape), seed).map((x) => Math.floor(low + ((x + 1) / 2) * (high - low))),
  );

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

function attributes({ ints = {}, floats = {}, strings = {} }: OperatorCase): object[] {
  return [
    ...Object.entries(ints).map(([name, v]) =>
      typeof v === "number" ? { name, type: 2, i: v } : { name, type: 7, ints: [...v] },
    ),
    ...Object.entries(floats).map(([name, v]) =>
      typeof v === "number" ? { name, type: 1, f: v } : { name, type: 6, floats: [...v] },
    ),
    ...Object.entries(strings).map(([name, v]) =>
      typeof v === "string" ? { name, type: 3, s: text(v) } : { name, type: 8, strings: v.map(text) },
    ),
  ];
}

const ORT_TYPES: Partial<
  Record<DType, "float32" | "float16" | "int64" | "int32" | "uint8" | "int8" | "bool" | "float64">
> = {
  float32: "float32",
  float64: "float64",
  float16: "float16",
  int64: "int64",
  int32: "int32",
  uint8: "uint8",
  int8: "int8",
  bool: "bool",
};

function toOrt(tensor: Tensor): OrtTensor {
  const type = ORT_TYPES[tensor.dtype];
  if (type === undefined) throw new Error(`no ${tensor.dtype} in this test`);
  return new OrtTensor(type, tensor.data as Float32Array, [...tensor.shape]);
}

interface Built {
  readonly bytes: Uint8Array;
  /** Operands that are there, with the names that the model has for them. */
  readonly operands: readonly { readonly name: string; readonly tensor: Tensor }[];
}

function build(operator: OperatorCase): Built {
  const { op, domain = "", opset = 17, inputs, outputs } = operator;
  const operands = inputs.flatMap((tensor, i) => (tensor ? [{ tensor, name: `in${i}` }] : []));
  const results = outputs.flatMap((dtype, i) => (dtype === null ? [] : [{ name: `out${i}`, dtype }]));
  const bytes = modelBytes(
    {
      node: [
        node(
          op,
          inputs.map((tensor, i) => (tensor ? `in${i}` : "")),
          outputs.map((dtype, i) => (dtype === null ? "" : `out${i}`)),
          { domain, attribute: attributes(operator) },
        ),
      ],
      input: operands.map(({ tensor, name }) => value(name, tensor.shape, DTYPES[tensor.dtype].onnx)),
      output: results.map(({ name, dtype }) => ({ name, type: { tensorType: { elemType: DTYPES[dtype].onnx } } })),
    },
    {
      irVersion: 9,
      opsetImport: [
        { domain: "", version: opset },
        { domain: "com.microsoft", version: 1 },
        { domain: "ai.onnx.preview.training", version: 1 },
      ],
    },
  );
  return { bytes, operands };
}

/** The operator's results by our rule and kernel; small operands are known at compile time. */
export async function runOperator(operator: OperatorCase): Promise<Tensor[]> {
  const { bytes, operands } = build(operator);
  const model = await readModel(bytes);
  const bind = new Map(
    operands.filter(({ tensor }) => sizeOf(tensor.shape) <= 8).map(({ tensor, name }) => [name, tensor]),
  );
  const { graph, constants } = importModel(model, { bind });
  const byName = new Map(operands.map(({ tensor, name }) => [name, tensor]));
  return interpret(graph, constants, new Map(graph.inputs.map((id) => [id, byName.get(graph.values[id]!.name)!])));
}

/** The message of the first result that differs from ONNX Runtime's, or undefined. */
export async function differsFromRuntime(
  operator: OperatorCase,
  tolerance = { rtol: 1e-4, atol: 1e-5 },
): Promise<string | undefined> {
  const { bytes, operands } = build(operator);
  const session = await InferenceSession.create(bytes, { graphOptimizationLevel: "disabled", logSeverityLevel: 4 });
  const theirs = await session.run(Object.fromEntries(operands.map(({ tensor, name }) => [name, toOrt(tensor)])));
  const ours = await runOperator(operator);
  for (const [i, name] of session.outputNames.entries()) {
    const { data, dims } = theirs[name]!;
    const wanted = makeTensor(ours[i]!.dtype, dims);
    const raw = data as Float32Array;
    bytesOf(wanted).set(new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength));
    const difference = compareTensors(name, ours[i]!, wanted, tolerance);
    if (difference !== undefined) return difference.message;
  }
  return undefined;
}
