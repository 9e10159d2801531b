/** Runs a step by our WebAssembly kernel, on a memory full of NaNs, beside the reference kernel. */
import { expect } from "vitest";
import { compareTensors } from "../../../conformance/compare.ts";
import type { DType } from "../../../ir/dtype.ts";
import type { AttrValue, TensorType } from "../../../ir/types.ts";
import { bytesOf, makeTensor, sizeOf, storageOn, tensorOf } from "../../../kernels/access.ts";
import { kernelByName } from "../../../kernels/index.ts";
import type { Tensor } from "../../../kernels/types.ts";
import { ownFunctions, type OwnFunctions } from "./index.ts";
import { ownStep } from "./steps.ts";
import type { WasmMemory } from "./webassembly.ts";

// The compiler is told of no library that declares it.
const { WebAssembly: api } = globalThis as unknown as {
  readonly WebAssembly: { readonly Memory: new (size: { readonly initial: number }) => WasmMemory };
};

const PAGES = 64;
/** Bytes between tensors, which nobody may write. */
const GUARD = 48;

let place: { readonly memory: WasmMemory; readonly functions: OwnFunctions } | undefined;

export interface OwnCase {
  readonly kernel: string;
  readonly inputs: readonly (Tensor | null)[];
  readonly outputs: readonly (TensorType | null)[];
  readonly attrs: Readonly<Record<string, AttrValue>>;
  /** What the reference kernel needs beside its results. */
  readonly scratch?: readonly TensorType[];
  /** Operand whose place the first result takes. */
  readonly over?: number;
}

/**
 * Expects our kernel to take the step, to agree with the reference kernel and to write nothing but results and
 * scratch; gives the message with which both refuse the data, if they do.
 */
export function checkOwn(
  { kernel, inputs, outputs, attrs, scratch = [], over }: OwnCase,
  rtol = 2e-6,
  atol = 2e-6,
): string | undefined {
  const show = (types: readonly (TensorType | null)[]): string =>
    types.map((type) => (type === null ? "-" : `${type.dtype}[${type.shape.join()}]`)).join(" ");
  const what = `${kernel} ${show(inputs)} -> ${show(outputs)} ${JSON.stringify(attrs)}`;
  const attributes = new Map(Object.entries(attrs));
  const wanted = outputs.map((type) => type && makeTensor(type.dtype, type.shape));
  const refusal = messageOf(() =>
    kernelByName(kernel)!({
      inputs,
      outputs: [...wanted, ...scratch.map(({ dtype, shape }) => makeTensor(dtype, shape))],
      attrs: attributes,
    }),
  );

  const step = ownStep(kernel, { inputs, outputs, attrs: attributes });
  expect(step, what).toBeDefined();
  const memory = new api.Memory({ initial: PAGES });
  place ??= { memory, functions: ownFunctions(memory) };
  let end = GUARD;
  const put = (type: TensorType): Tensor & { readonly at: number } => {
    const at = end;
    const data = storageOn(type.dtype, place!.memory.buffer, at, sizeOf(type.shape));
    end = Math.ceil((at + data.byteLength) / 8) * 8 + GUARD;
    return { dtype: type.dtype, shape: type.shape, data, at };
  };
  const operands = inputs.map((input) => input && put(input));
  const results = outputs.map((type, i) => {
    if (type === null) return null;
    return i === 0 && over !== undefined ? { ...operands[over]!, shape: type.shape } : put(type);
  });
  const space = step!.scratch.map(put);
  const heap = new Uint8Array(place.memory.buffer, 0, end + GUARD);
  heap.fill(0xff);
  operands.forEach((operand, i) => operand && bytesOf(operand).set(bytesOf(inputs[i]!)));
  const before = heap.slice();
  const run = step!.bind({
    functions: place.functions,
    heap: place.memory.buffer,
    input: (i) => operands[i]!.at,
    output: (i) => results[i]!.at,
    scratch: (i) => space[i]!.at,
  });
  if (refusal !== undefined) {
    expect(messageOf(run), what).toBe(refusal);
    return refusal;
  }
  for (let turn = 0; turn < (over === undefined ? 2 : 1); turn++) {
    run();
    results.forEach((result, i) => {
      const difference = result && compareTensors(what, result, wanted[i]!, { rtol, atol });
      expect(difference?.message).toBeUndefined();
    });
  }
  for (const tensor of [...results, ...space]) if (tensor !== null) before.set(bytesOf(tensor), tensor.at);
  expect(Buffer.compare(before, heap), `${what}: bytes outside its results`).toBe(0);
  return undefined;
}

function messageOf(run: () => void): string | undefined {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}

/** Park and Miller's generator: numbers in [0, 1). */
export function random(seed: number): () => number {
  let state = (((seed * 7919) >>> 1) % 2147483646) + 1;
  for (let i = 0; i < 3; i++) state = (state * 48271) % 2147483647;
  return () => (state = (state * 48271) % 2147483647) / 2147483648;
}

/** A tensor of values in [low, high); whole numbers for integers. `special` values stand now and then among them. */
export function randomTensor(
  next: () => number,
  dtype: DType,
  shape: readonly number[],
  [low, high]: readonly [number, number] = [-1, 1],
  special: readonly number[] = [],
): Tensor {
  const isWhole = /int|bool/.test(dtype);
  const values = Array.from({ length: sizeOf(shape) }, () => {
    if (special.length > 0 && next() < 0.3) return special[Math.floor(next() * special.length)]!;
    const value = low + next() * (high - low);
    return isWhole ? Math.floor(value) : value;
  });
  return tensorOf(dtype, shape, values);
}

export const pick = <T>(next: () => number, items: readonly T[]): T => items[Math.floor(next() * items.length)]!;
