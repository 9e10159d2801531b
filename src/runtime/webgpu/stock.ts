/**
 * The same kernels on TensorFlow.js's own WebGPU backend, which decides for itself where tensors live:
 * what planned runs are compared with, bit for bit, and the peer of the benchmarks. Tensors are disposed
 * after their last use.
 */
import { byteSize } from "../../ir/bytes.ts";
import { bytesOf, makeTensor, tensorFromBytes } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import type { KernelStep, Plan } from "../../plan/schema.ts";
import { checkInputs } from "../io.ts";
import { bindStep, kernelOf, withAbsent } from "../step.ts";
import type { Executable, LoadOptions } from "../types.ts";
import { fillWeights } from "../weights.ts";
import { callShape, never } from "./calls.ts";
import type { GpuDevice } from "./device.ts";
import type { GpuBuffer } from "./gpu.ts";
import { deviceType, registerWgslKernels, wordsOf } from "./register.ts";
import { loadWebGpuModule, type TensorInfo, type WebGPUBackendType } from "./tfjs.ts";
import { backendCall, type BackendCall } from "./trace.ts";

type Backend = WebGPUBackendType & { uploadToGPU(id: object): void };

interface Prepared {
  readonly step: KernelStep;
  /** The call that starts here; undefined for a step of the host. */
  readonly call: BackendCall | undefined;
  readonly reads: readonly (number | null)[];
  readonly writes: readonly number[];
  /** Values that nobody reads after this step. */
  readonly dead: readonly number[];
}

const originOf = (plan: Plan, id: number): number => {
  const { viewOf } = plan.values[id]!;
  return viewOf === null ? id : originOf(plan, viewOf);
};

/** Loads a plan's calls on TensorFlow.js's backend over `gpu`. Its offsets, swaps and sharing are ignored. */
export async function loadStock(gpu: GpuDevice, plan: Plan, options: LoadOptions): Promise<Executable> {
  const { tf, WebGPUBackend } = await loadWebGpuModule();
  // The backend asks `instanceof GPUBuffer`, of the library that made the device.
  Object.assign(globalThis, gpu.globals);
  registerWgslKernels(tf);
  const backend = new WebGPUBackend(gpu.raw, gpu.adapter) as Backend;
  const weights = new Map<number, Tensor>();
  for (const value of plan.values)
    if (value.kind === "weight") weights.set(value.id, makeTensor(value.dtype, value.shape));
  // Views of a weight are tensors of their own here: filled after what they show.
  fillWeights(plan, (id) => (plan.values[id]!.viewOf === null ? weights.get(id) : undefined), options.constant);
  for (const [id, tensor] of weights) {
    const { viewOf, storage } = plan.values[id]!;
    if (viewOf === null) continue;
    const shown = weights.get(originOf(plan, id)) ?? never("a weight shows what is no weight");
    const start = storage.offset - plan.values[originOf(plan, id)]!.storage.offset;
    const bytes = bytesOf(tensor);
    bytes.set(bytesOf(shown).subarray(start, start + bytes.length));
  }
  const resident = new Map<number, TensorInfo>();
  for (const [id, tensor] of weights) if (tensor.data.length > 0) resident.set(id, upload(backend, tensor));
  const prepared = prepare(tf, plan);
  let turn: Promise<unknown> = Promise.resolve();
  return {
    device: `${gpu.adapter.description || gpu.adapter.vendor} (TensorFlow.js WebGPU)`,
    get peakBytes() {
      return backend.memory().numBytesAllocatedInGPU;
    },
    allocations() {
      const { buffers, bindGroups, computePipelines } = gpu.counters();
      return buffers + bindGroups + computePipelines;
    },
    run(inputs) {
      checkInputs(plan, inputs);
      const run = turn.then(() => runOnce(gpu, backend, plan, prepared, weights, resident, inputs));
      turn = run.catch(() => {});
      return run;
    },
    dispose() {
      for (const info of resident.values()) backend.disposeData(info.dataId, true);
      (backend as unknown as { bufferManager: { dispose(): void } }).bufferManager.dispose();
    },
  };
}

function upload(backend: WebGPUBackendType, tensor: Tensor): TensorInfo {
  const bytes = new Uint8Array(wordsOf(tensor) * 4);
  bytes.set(bytesOf(tensor));
  const words = tensor.dtype === "float32" ? new Float32Array(bytes.buffer) : new Int32Array(bytes.buffer);
  return backend.makeTensorInfo([words.length], deviceType(tensor.dtype), words);
}

/**
 * In the plan's order, except that a call waits for what it reads: the plan may put its first dispatches, which
 * need some of its operands, before the others are made.
 */
function ordered(plan: Plan, planned: readonly Prepared[]): Prepared[] {
  const results = new Set(planned.flatMap(({ writes }) => writes));
  const made = new Set<number>();
  const isReady = (id: number | null): boolean => {
    if (id === null) return true;
    const names = [id, originOf(plan, id)];
    return names.some((name) => made.has(name)) || !names.some((name) => results.has(name));
  };
  const order: Prepared[] = [];
  let waiting: readonly Prepared[] = [];
  for (const next of planned) {
    const before = [...waiting, next];
    const still: Prepared[] = [];
    // Those that wait are in order, so one pass finds all that a call of theirs makes ready.
    for (const call of before)
      if (call.reads.every(isReady)) {
        order.push(call);
        for (const id of call.writes) made.add(id);
      } else still.push(call);
    waiting = still;
  }
  // What is read before it is made in any order says so when it runs.
  return [...order, ...waiting];
}

/** Calls with what dies after each. */
function prepare(tf: Parameters<typeof backendCall>[0], plan: Plan): Prepared[] {
  const planned: Prepared[] = [];
  for (const step of plan.steps) {
    if (step.kind !== "kernel" || (step.dispatch !== null && step.dispatch.index > 0)) continue;
    const record = step.dispatch === null ? undefined : plan.calls[step.dispatch.call];
    if (record === undefined) planned.push({ step, call: undefined, reads: step.reads, writes: step.writes, dead: [] });
    else
      planned.push({
        step,
        call: backendCall(tf, record.kernel, callShape(plan, record)) ?? never(`no kernel for ${record.kernel}`),
        reads: withAbsent(record.reads, record.absentReads),
        writes: record.writes,
        dead: [],
      });
  }
  const steps = ordered(plan, planned);
  const last = new Map<number, number>();
  steps.forEach(({ reads, writes }, i) => {
    for (const id of [...reads, ...writes]) if (id !== null) last.set(originOf(plan, id), i);
  });
  for (const id of plan.outputs) last.delete(originOf(plan, id));
  const dead = steps.map((): number[] => []);
  for (const [id, i] of last) if (plan.values[id]!.kind !== "weight") dead[i]!.push(id);
  return steps.map((prepared, i) => ({ ...prepared, dead: dead[i]! }));
}

async function runOnce(
  gpu: GpuDevice,
  backend: Backend,
  plan: Plan,
  prepared: readonly Prepared[],
  weights: ReadonlyMap<number, Tensor>,
  resident: ReadonlyMap<number, TensorInfo>,
  inputs: readonly Tensor[],
): Promise<Tensor[]> {
  const live = new Map<number, TensorInfo>(resident);
  plan.inputs.forEach((id, i) => {
    if (plan.values[id]!.bytes > 0) live.set(id, upload(backend, inputs[i]!));
  });
  const infoOf = (id: number): TensorInfo => live.get(id) ?? viewInfo(backend, plan, live, id);
  const read = async (id: number): Promise<Tensor> => {
    const { dtype, shape, bytes, storage } = plan.values[id]!;
    const weight = weights.get(id);
    if (weight !== undefined) return weight;
    if (bytes === 0) return makeTensor(dtype, shape);
    const origin = originOf(plan, id);
    const words = await gpu.settled(backend.read(live.get(origin)!.dataId));
    const start = words.byteOffset + storage.offset - plan.values[origin]!.storage.offset;
    return tensorFromBytes(dtype, shape, new Uint8Array(words.buffer, start, byteSize(dtype, shape)));
  };
  for (const { step, call, reads, writes, dead } of prepared) {
    if (call === undefined) {
      if (writes.some((id) => plan.values[id]!.bytes > 0 && plan.values[id]!.kind !== "temporary")) {
        const tensors = new Map<number, Tensor>();
        for (const id of new Set(step.reads)) tensors.set(id, await read(id));
        for (const id of writes) tensors.set(id, makeTensor(plan.values[id]!.dtype, plan.values[id]!.shape));
        kernelOf(step)(bindStep(step, (id) => tensors.get(id)!));
        for (const id of writes)
          if (plan.values[id]!.bytes > 0 && plan.values[id]!.kind !== "temporary")
            live.set(id, upload(backend, tensors.get(id)!));
      }
    } else {
      const operands: Record<string, TensorInfo> = {};
      for (const { name, input, shape } of call.operands)
        operands[name] = { ...infoOf(reads[input]!), shape: [...shape] };
      const made = call.kernelFunc({ inputs: operands, attrs: call.attrs, backend });
      (Array.isArray(made) ? made : [made]).forEach((info, i) => live.set(writes[i]!, info));
    }
    for (const id of dead) {
      const info = live.get(id);
      if (info !== undefined) backend.disposeData(info.dataId);
      live.delete(id);
    }
  }
  const results: Tensor[] = [];
  for (const id of plan.outputs) results.push(await read(id));
  for (const [id, info] of live) if (!resident.has(id)) backend.disposeData(info.dataId);
  gpu.assertHealthy();
  return results;
}

/** A view as a tensor of its own, bound to the part of the buffer that it shows. */
function viewInfo(backend: Backend, plan: Plan, live: Map<number, TensorInfo>, id: number): TensorInfo {
  const origin = originOf(plan, id);
  const shown = live.get(origin) ?? never(`'${plan.values[id]!.name}' is read before it is made`);
  const { bytes, storage } = plan.values[id]!;
  const offset = storage.offset - plan.values[origin]!.storage.offset;
  if (offset === 0 && bytes === plan.values[origin]!.bytes) return shown;
  backend.uploadToGPU(shown.dataId);
  const { resource } = backend.tensorMap.get(shown.dataId);
  const size = Math.ceil(bytes / 4) * 4;
  const info = backend.makeTensorInfo([size / 4], shown.dtype);
  backend.tensorMap.get(info.dataId).resource = { buffer: resource as GpuBuffer, offset, size };
  return info;
}
