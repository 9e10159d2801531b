/**
 * The wasm executor: TensorFlow.js WebAssembly kernels, and the reference kernels where it has none
 * or is known to be wrong, all on one heap with every value at its planned offset. Two allocations
 * at load (arena, weights), none in a steady run.
 */
import type { KernelFunc, TensorInfo } from "@tensorflow/tfjs-core";
import { broken } from "../../errors.ts";
import { storageOn, sizeOf } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import type { KernelStep, Plan } from "../../plan/schema.ts";
import { copyOut, putInputs } from "../io.ts";
import { operationsOf, plannedRegions, unplannedRegions, type Location } from "../regions.ts";
import { bindStep, kernelOf } from "../step.ts";
import type { Executable, Executor, LoadOptions } from "../types.ts";
import { fillWeights } from "../weights.ts";
import { wasmBackend, type WasmBackend } from "./backend.ts";
import { tfjsCall } from "./tfjs-kernels.ts";

export const wasmExecutor: Executor = {
  name: "wasm",
  device: "TensorFlow.js WebAssembly",
  capabilities: { exactOffsets: true, swap: false, timestamps: false },
  load: async (plan, options) => loadWasm(await wasmBackend(), plan, options),
};

function loadWasm(backend: WasmBackend, plan: Plan, options: LoadOptions): Executable {
  const regions = options.unplanned === true ? unplannedRegions(plan) : plannedRegions(plan);
  const bases = regions.bytes.map((bytes) => (bytes === 0 ? 0 : backend.allocate(bytes)));
  const owned: TensorInfo[] = [];
  const address = (at: Location): number => bases[at.region]! + at.offset;

  const place = (id: number, at = regions.locations[id]): Tensor | undefined => {
    if (at === undefined) return undefined;
    const { dtype, shape } = plan.values[id]!;
    return { dtype, shape, data: storageOn(dtype, backend.heap(), address(at), sizeOf(shape)) };
  };
  const needPlace = (id: number): Tensor => place(id) ?? missing(plan, id);
  /** The tensor of a value where a step finds it. */
  const found =
    (step: number) =>
    (id: number): Tensor =>
      place(id, regions.at(id, step)) ?? missing(plan, id);

  fillWeights(plan, (id) => place(id), options.constant);

  // A tensor of TensorFlow.js for a value at a place in a shape, made once: its caches are keyed by tensor id.
  const shown = new Map<string, TensorInfo>();
  const infoOf = (step: number, id: number, shape: readonly number[]): TensorInfo => {
    const at = regions.at(id, step) ?? missing(plan, id);
    const key = `${id}@${at.region}+${at.offset}:${shape.join(",")}`;
    let info = shown.get(key);
    if (info === undefined) {
      info = backend.tensorAt(address(at), shape, "float32");
      shown.set(key, info);
      owned.push(info);
    }
    return info;
  };

  /** Steps as closures over one heap buffer; growing the heap makes them stale. */
  const operations = operationsOf(plan, regions);
  const tfjsSteps = operations.map((operation) =>
    "copy" in operation
      ? undefined
      : prepareTfjs(backend, operation.step, found(operation.index), (id, shape) => infoOf(operation.index, id, shape)),
  );
  let boundTo: ArrayBufferLike | undefined;
  let bound: (() => void)[] = [];
  const bind = (): void => {
    boundTo = backend.heap();
    const heap = new Uint8Array(backend.heap());
    bound = operations.map((operation, i) => {
      const tfjs = tfjsSteps[i];
      if (tfjs !== undefined) return tfjs;
      if ("copy" in operation) {
        const { from, to, bytes } = operation.copy;
        const start = address(from);
        return () => void heap.copyWithin(address(to), start, start + bytes);
      }
      const kernel = kernelOf(operation.step);
      const call = bindStep(operation.step, found(operation.index));
      return () => kernel(call);
    });
  };

  return {
    peakBytes: regions.bytes.reduce((sum, bytes) => sum + bytes, 0),
    allocations: backend.allocations,
    dispose() {
      for (const info of owned.splice(0)) backend.release(info);
      bases.forEach((base) => base !== 0 && backend.free(base));
    },
    async profile(inputs, clock) {
      putInputs(plan, inputs, needPlace);
      return operations.map(({ index }, i) => {
        if (boundTo !== backend.heap()) bind();
        const start = clock();
        bound[i]!();
        return { step: index, seconds: clock() - start, clock: "host" as const };
      });
    },
    async run(inputs) {
      putInputs(plan, inputs, needPlace);
      for (let i = 0; i < operations.length; i++) {
        // TensorFlow.js packs weights on the first run and may grow the heap under our views.
        if (boundTo !== backend.heap()) bind();
        bound[i]!();
      }
      return copyOut(plan, needPlace);
    },
  };
}

function missing(plan: Plan, id: number): never {
  throw broken(`value ${plan.values[id]?.name ?? id} has no place`);
}

function prepareTfjs(
  backend: WasmBackend,
  step: KernelStep,
  place: (id: number) => Tensor,
  infoOf: (id: number, shape: readonly number[]) => TensorInfo,
): (() => void) | undefined {
  if (step.opaque) return undefined;
  const call = bindStep(step, place);
  const chosen = tfjsCall(step.kernel, call);
  if (chosen === undefined) return undefined;
  const ids: (number | null)[] = [...step.reads];
  for (const position of step.absentReads) ids.splice(position, 0, null);
  const inputs: Record<string, TensorInfo> = {};
  for (const [name, operand] of Object.entries(chosen.inputs)) inputs[name] = infoOf(ids[operand.at]!, operand.shape);
  const output = infoOf(step.writes[0]!, chosen.output);
  const kernel: KernelFunc = backend.kernel(chosen.kernel);
  return () => backend.call(kernel, inputs, chosen.attrs, output);
}
