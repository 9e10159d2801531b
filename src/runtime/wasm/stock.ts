/**
 * The same steps as TensorFlow.js runs them by itself on its WebAssembly backend: each by the `tf.*`
 * operations that a converted model has, results wherever the engine puts them, tensors disposed after
 * their last use. The peer of bench/runtime-wasm.ts, not a way to run plans.
 */
import * as tf from "@tensorflow/tfjs-core";
import { broken } from "../../errors.ts";
import { makeTensor, reader, sizeOf } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import type { KernelStep, Plan } from "../../plan/schema.ts";
import { withAbsent } from "../step.ts";
import { fillWeights } from "../weights.ts";
import type { LoadOptions } from "../types.ts";
import { disposeScalars, STOCK_OPERATIONS } from "./stock-operations.ts";
import { wasmBackend } from "./backend.ts";

export interface StockModel {
  run(inputs: readonly Tensor[]): Float32Array[];
  /** The outputs where the backend left them, for backends that are read asynchronously; the caller disposes them. */
  start(inputs: readonly Tensor[]): tf.Tensor[];
  dispose(): void;
}

const dtypeOf = (dtype: string): "float32" | "int32" | "bool" =>
  dtype === "float32" ? "float32" : dtype === "bool" ? "bool" : "int32";

/** A tensor of the engine's: 64-bit integers as int32, which is what TensorFlow.js has. */
function upload(tensor: Tensor): tf.Tensor {
  const count = sizeOf(tensor.shape);
  const dtype = dtypeOf(tensor.dtype);
  if (dtype === "float32") return tf.tensor(new Float32Array(tensor.data as Float32Array), [...tensor.shape], dtype);
  const read = reader(tensor);
  const values = dtype === "bool" ? new Uint8Array(count) : new Int32Array(count);
  for (let i = 0; i < count; i++) values[i] = read(i);
  return tf.tensor(values, [...tensor.shape], dtype);
}

/** Products of matrices with the bias that the next step adds to them, as converters fuse them. */
function withBiases({ values, outputs }: Plan, steps: readonly KernelStep[]): KernelStep[] {
  const uses = new Map<number, number>();
  for (const id of [
    ...steps.flatMap(({ reads }) => reads),
    ...outputs,
    ...values.flatMap(({ viewOf }) => viewOf ?? []),
  ])
    uses.set(id, (uses.get(id) ?? 0) + 1);
  const fused: KernelStep[] = [];
  for (const step of steps) {
    const product = fused.at(-1);
    const y = product?.writes[0];
    const bias = step.reads.find((id) => id !== y);
    const width = y === undefined ? 0 : values[y]!.shape.at(-1)!;
    const isBias =
      product?.kernel === "MatMul" &&
      product.reads.length === 2 &&
      values[product.reads[1]!]!.shape.length === 2 &&
      step.kernel === "Add" &&
      step.reads.includes(y!) &&
      uses.get(y!) === 1 &&
      bias !== undefined &&
      values[bias]!.kind === "weight" &&
      values[bias]!.shape.length === 1 &&
      values[bias]!.shape[0] === width;
    if (isBias) fused.splice(-1, 1, { ...product, reads: [...product.reads, bias], writes: step.writes });
    else fused.push(step);
  }
  return fused;
}

/** Loads the steps of `plan` for TensorFlow.js alone, on the backend that `ready` sets: WebAssembly unless told. Throws InternalError for a kernel that it has no operations for. */
export async function loadStock(
  plan: Plan,
  options: LoadOptions,
  ready: () => Promise<unknown> = wasmBackend,
): Promise<StockModel> {
  await ready();
  const { values } = plan;
  const host = new Map<number, Tensor>();
  for (const value of values)
    if (value.kind === "weight" && value.viewOf === null) host.set(value.id, makeTensor(value.dtype, value.shape));
  fillWeights(plan, (id) => host.get(id), options.constant);
  const weights = new Map([...host].map(([id, tensor]) => [id, upload(tensor)]));
  host.clear();

  const steps = withBiases(
    plan,
    plan.steps.flatMap((step) => (step.kind === "kernel" ? [step] : [])),
  );
  const missing = steps.find((step) => STOCK_OPERATIONS[step.kernel] === undefined);
  if (missing !== undefined) throw broken(`no TensorFlow.js operations for ${missing.kernel}`);
  // A tensor is disposed after the last step that reads it or what shows it.
  const originOf = (id: number): number => (values[id]!.viewOf === null ? id : originOf(values[id]!.viewOf!));
  const last = new Map<number, number>();
  steps.forEach((step, i) => [...step.reads, ...step.writes].forEach((id) => last.set(originOf(id), i)));
  for (const id of plan.outputs) last.delete(originOf(id));
  const dead = steps.map((): number[] => []);
  for (const [id, i] of last) if (values[id]!.kind !== "weight") dead[i]!.push(id);

  const start = (inputs: readonly Tensor[]): tf.Tensor[] => {
    const live = new Map<number, tf.Tensor>(weights);
    plan.inputs.forEach((id, i) => live.set(id, upload(inputs[i]!)));
    const show = (id: number): tf.Tensor => {
      const { viewOf, shape, storage } = values[id]!;
      if (viewOf === null) return live.get(id)!;
      const base = show(viewOf);
      const dims = [...shape];
      if (sizeOf(shape) === base.size) return tf.reshape(base, dims);
      const width = values[id]!.bytes / sizeOf(shape);
      const from = (storage.offset - values[viewOf]!.storage.offset) / width;
      return tf.reshape(tf.slice(tf.reshape(base, [-1]), [from], [sizeOf(shape)]), dims);
    };
    steps.forEach((step, i) => {
      const results = withAbsent(
        step.writes.filter((id) => values[id]!.kind !== "temporary"),
        step.absentWrites,
      );
      const made = tf.tidy(() => {
        const operands = withAbsent(step.reads.map(show), step.absentReads);
        const attrs = new Map(step.attrs.map(({ name, value }) => [name, value]));
        const shapes = results.map((id) => (id === null ? [] : [...values[id]!.shape]));
        return STOCK_OPERATIONS[step.kernel]!(operands, attrs, shapes);
      });
      (Array.isArray(made) ? made : [made]).forEach((tensor, k) => {
        const id = results[k];
        if (id === null || id === undefined) tensor.dispose();
        else live.set(id, tensor);
      });
      for (const id of dead[i]!) {
        live.get(id)?.dispose();
        live.delete(id);
      }
    });
    const outputs = tf.tidy(() => plan.outputs.map((id) => tf.clone(show(id))));
    for (const [id, tensor] of live) if (!weights.has(id)) tensor.dispose();
    return outputs;
  };

  return {
    start,
    run(inputs) {
      const outputs = start(inputs);
      const read = outputs.map((tensor) => Float32Array.from(tensor.dataSync()));
      tf.dispose(outputs);
      return read;
    },
    dispose() {
      for (const tensor of weights.values()) tensor.dispose();
      disposeScalars();
    },
  };
}
