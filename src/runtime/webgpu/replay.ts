/**
 * Replay: a plan's dispatches with every value at its planned offset. Pipelines, bind groups and
 * buffers are made once at load; a run encodes the dispatches in order and submits them, as few times
 * as steps of the host and swaps allow.
 */
import { byteSize } from "../../ir/bytes.ts";
import { bytesOf, makeTensor, tensorFromBytes } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import type { KernelStep, Plan } from "../../plan/schema.ts";
import { checkInputs } from "../io.ts";
import type { Location } from "../regions.ts";
import { bindStep, isConcatInPlace, kernelOf } from "../step.ts";
import type { Executable, LoadOptions, StepTime } from "../types.ts";
import { dispatchOf, never, tracedCalls, wordBytes } from "./calls.ts";
import type { GpuDevice } from "./device.ts";
import { BUFFER_USAGE, MAP_MODE, type GpuBuffer, type GpuBufferBinding } from "./gpu.ts";
import { allocateMemory, HOST_MEMORY, type DeviceMemory } from "./memory.ts";
import { bindDispatch, type BoundDispatch } from "./pipelines.ts";
import { hostPool, type HostPool, type SwapIn, type SwapOut } from "./host-pool.ts";
import { encoderOn, type Encoder } from "./encoder.ts";
import { timerOn, type Timer } from "./timer.ts";
import { uploadUniforms } from "./uniforms.ts";

/** What a run does, in order. */
type Operation =
  | { readonly kind: "dispatch"; readonly step: number; readonly bound: BoundDispatch }
  | HostOperation
  | SwapOut
  | SwapIn;

interface HostOperation {
  readonly kind: "host";
  readonly step: number;
  /** The step, its operands on the device with their places, and the places of its results. */
  readonly kernel: KernelStep;
  readonly reads: readonly { readonly id: number; readonly from: GpuBufferBinding; readonly at: number }[];
  readonly writes: readonly { readonly id: number; readonly to: GpuBufferBinding }[];
}

interface Output {
  readonly id: number;
  /** Undefined for an empty tensor. */
  readonly from: GpuBufferBinding | undefined;
  /** Where the host has it, for one that ends there. */
  readonly host?: Uint8Array;
  readonly at: number;
}

/** A copy's source range widened to whole words, which is what WebGPU copies. */
function widened({ buffer, offset = 0 }: GpuBufferBinding, bytes: number): { from: GpuBufferBinding; lead: number } {
  const start = Math.floor(offset / 4) * 4;
  return { from: { buffer, offset: start, size: wordBytes(offset - start + bytes) }, lead: offset - start };
}

/** Loads a plan on a device. */
export async function loadReplay(gpu: GpuDevice, plan: Plan, options: LoadOptions): Promise<Executable> {
  const calls = await tracedCalls(plan);
  const hostSteps = plan.steps.filter((step): step is KernelStep => step.kind === "kernel" && step.dispatch === null);
  // What the host reads of the weights stays with it: they never change.
  const weightsOfHost = new Set(
    hostSteps.flatMap((step) => step.reads).filter((id) => plan.values[id]!.kind === "weight"),
  );
  const memory = await allocateMemory(gpu, plan, options.constant, weightsOfHost, options.hazards);
  const owned: GpuBuffer[] = [];
  try {
    const planned = (id: number): Location => {
      const { value, offset } = plan.values[id]!.storage;
      return { region: value, offset };
    };
    const idle = plan.steps.map((step) => step.kind === "kernel" && isConcatInPlace(plan, step, planned));
    const dispatches = plan.steps.map((step, index) =>
      step.kind === "kernel" && step.dispatch !== null && !idle[index] ? dispatchOf(plan, calls, step) : undefined,
    );
    const present = dispatches.flatMap((dispatch, step) => (dispatch === undefined ? [] : [{ dispatch, step }]));
    const { buffer: uniforms, bindings } = await uploadUniforms(
      gpu,
      present.map(({ dispatch }) => dispatch.uniforms),
    );
    if (uniforms !== undefined) owned.push(uniforms);
    const bound = await Promise.all(
      present.map(({ dispatch, step }, k) => {
        const { reads, writes } = plan.steps[step] as KernelStep;
        const places = [writes[0]!, ...reads].map((id) => placeOf(memory, plan, id, step));
        return bindDispatch(gpu, dispatch, places, bindings[k]!);
      }),
    );
    const boundAt = new Map(present.map(({ step }, k) => [step, bound[k]!]));
    const pool = await hostPool(gpu, plan, memory);
    owned.push(...pool.buffers);
    const operations = plan.steps.flatMap((step, index): Operation[] => {
      if (idle[index]) return [];
      if (step.kind === "copy") return [step.to === HOST_MEMORY ? pool.out(index) : pool.in(index)];
      const made = boundAt.get(index);
      return made === undefined
        ? [hostOperation(plan, memory, memory.kept, step, index)]
        : [{ kind: "dispatch", step: index, bound: made }];
    });
    const outputs = outputsOf(plan, memory, pool);
    const stagingBytes = Math.max(
      0,
      outputs.bytes,
      ...operations.map((operation) =>
        operation.kind === "host" ? operation.reads.reduce((sum, { from }) => sum + from.size!, 0) : 0,
      ),
    );
    const staging =
      stagingBytes === 0
        ? undefined
        : await gpu.allocate("the readback", {
            label: "readback",
            size: stagingBytes,
            usage: BUFFER_USAGE.mapRead | BUFFER_USAGE.copyDst,
          });
    if (staging !== undefined) owned.push(staging);
    gpu.assertHealthy();
    return executable({ gpu, plan, memory, operations, outputs: outputs.list, staging, pool, owned });
  } catch (cause) {
    for (const buffer of owned) buffer.destroy();
    memory.dispose();
    throw cause;
  }
}

const placeOf = (memory: DeviceMemory, plan: Plan, id: number, step: number): GpuBufferBinding =>
  memory.at(id, step) ?? never(`'${plan.values[id]!.name}' is not on the device at step ${step}`);

function hostOperation(
  plan: Plan,
  memory: DeviceMemory,
  kept: ReadonlyMap<number, Tensor>,
  kernel: KernelStep,
  step: number,
): HostOperation {
  let top = 0;
  const reads = [...new Set(kernel.reads)].flatMap((id) => {
    const { bytes } = plan.values[id]!;
    if (kept.has(id) || bytes === 0) return [];
    const { from, lead } = widened(placeOf(memory, plan, id, step), bytes);
    const at = top + lead;
    top += from.size!;
    return [{ id, from, at }];
  });
  const writes = kernel.writes.flatMap((id) =>
    plan.values[id]!.bytes === 0 || plan.values[id]!.kind === "temporary"
      ? []
      : [{ id, to: placeOf(memory, plan, id, step) }],
  );
  // The scratch of the kernel is the host's own; results that hold nothing need no operands either.
  return { kind: "host", step, kernel, reads: writes.length === 0 ? [] : reads, writes };
}

function outputsOf(plan: Plan, memory: DeviceMemory, pool: HostPool): { list: Output[]; bytes: number } {
  const last = Math.max(0, plan.steps.length - 1);
  let bytes = 0;
  const list = plan.outputs.map((id): Output => {
    const value = plan.values[id]!;
    if (value.bytes === 0) return { id, from: undefined, at: 0 };
    const place = memory.at(id, last);
    if (place === undefined) {
      const host = pool.atEnd(id) ?? never(`output '${value.name}' is nowhere at the end`);
      return { id, from: undefined, host, at: 0 };
    }
    const { from, lead } = widened(place, value.bytes);
    const at = bytes + lead;
    bytes += from.size!;
    return { id, from, at };
  });
  return { list, bytes };
}

interface Loaded {
  readonly gpu: GpuDevice;
  readonly plan: Plan;
  readonly memory: DeviceMemory & { readonly kept: ReadonlyMap<number, Tensor> };
  readonly operations: readonly Operation[];
  readonly outputs: readonly Output[];
  readonly staging: GpuBuffer | undefined;
  readonly pool: HostPool;
  readonly owned: readonly GpuBuffer[];
}

function executable(loaded: Loaded): Executable {
  const { gpu, plan, memory, owned } = loaded;
  // One run at a time: they share the arena.
  let turn: Promise<unknown> = Promise.resolve();
  return {
    device: `${gpu.adapter.description || gpu.adapter.device || gpu.adapter.vendor} (WebGPU)`,
    warnings: gpu.warnings,
    peakBytes: memory.bytes,
    allocations() {
      const { buffers, bindGroups, computePipelines } = gpu.counters();
      return buffers + bindGroups + computePipelines;
    },
    run(inputs) {
      checkInputs(plan, inputs);
      const run = turn.then(() => runOnce(loaded, inputs));
      turn = run.catch(() => {});
      return run;
    },
    profile(inputs, clock) {
      checkInputs(plan, inputs);
      const run = turn.then(() => profileOnce(loaded, inputs, clock));
      turn = run.catch(() => {});
      return run;
    },
    dispose() {
      for (const buffer of owned) buffer.destroy();
      memory.dispose();
    },
  };
}

/** Encodes an operation; what the host must do first is waited for. */
function perform(loaded: Loaded, encoder: Encoder, operation: Operation): Promise<void> | undefined {
  switch (operation.kind) {
    case "dispatch":
      encoder.dispatch(operation.bound);
      return undefined;
    case "host":
      return runOnHost(loaded, encoder, operation);
    case "out":
      loaded.pool.swapOut(encoder, operation);
      return undefined;
    case "in":
      return loaded.pool.swapIn(encoder, operation);
    default:
      operation satisfies never;
      return undefined;
  }
}

async function performTimed(
  loaded: Loaded,
  encoder: Encoder,
  operation: Operation,
  { timer, around }: Profiling,
): Promise<void> {
  if (operation.kind === "dispatch" && timer !== undefined) {
    timer.dispatch(encoder.commands(), operation.bound, operation.step);
    return;
  }
  await around(operation.step, async () => {
    await perform(loaded, encoder, operation);
    encoder.submit();
    await loaded.gpu.settled(loaded.gpu.raw.queue.onSubmittedWorkDone());
  });
}

/** Runs once with every dispatch in a timed pass. */
async function profileOnce(loaded: Loaded, inputs: readonly Tensor[], clock: () => number): Promise<StepTime[]> {
  const count = loaded.operations.filter(({ kind }) => kind === "dispatch").length;
  const timer = timerOn(loaded.gpu, count);
  const times: StepTime[] = [];
  await runOnce(loaded, inputs, {
    timer,
    around: async (step, work) => {
      const start = clock();
      await work();
      times.push({ step, seconds: clock() - start, clock: "host" });
    },
  });
  for (const [step, seconds] of (await timer?.read()) ?? []) times.push({ step, seconds, clock: "device" });
  return times.sort((a, b) => a.step - b.step);
}

interface Profiling {
  readonly timer: Timer | undefined;
  /** Times what the host does for a step: all of it, where the device has no timestamps. */
  around(step: number, work: () => Promise<void>): Promise<void>;
}

async function runOnce(loaded: Loaded, inputs: readonly Tensor[], profiling?: Profiling): Promise<Tensor[]> {
  const { gpu, plan, memory, pool } = loaded;
  gpu.assertHealthy();
  plan.inputs.forEach((id, i) => {
    const place = memory.at(id, 0);
    if (place !== undefined) write(gpu, place, bytesOf(inputs[i]!));
    else if (plan.values[id]!.bytes > 0) pool.put(id, bytesOf(inputs[i]!));
  });
  const encoder = encoderOn(gpu);
  for (const operation of loaded.operations) {
    if (profiling === undefined) {
      // Not awaited where there is nothing to wait for: a turn of the event loop costs more than a dispatch.
      const waiting = perform(loaded, encoder, operation);
      if (waiting !== undefined) await waiting;
    } else await performTimed(loaded, encoder, operation, profiling);
  }
  const { outputs } = loaded;
  let at = 0;
  for (const { from } of outputs) {
    if (from === undefined) continue;
    encoder.copy(from, loaded.staging!, at);
    at += from.size!;
  }
  encoder.submit();
  const results = await readBack(loaded, at, (bytes) =>
    outputs.map(({ id, from, at: start }) => {
      const { dtype, shape, bytes: size } = plan.values[id]!;
      return from === undefined ? undefined : tensorFromBytes(dtype, shape, bytes.subarray(start, start + size));
    }),
  );
  await pool.settle();
  return outputs.map(({ id, host }, i) => {
    const { dtype, shape } = plan.values[id]!;
    return results[i] ?? (host === undefined ? makeTensor(dtype, shape) : tensorFromBytes(dtype, shape, host));
  });
}

/** Maps the first `size` bytes of the staging buffer and shows them to `use`, which must copy what it keeps. */
async function readBack<T>({ gpu, staging }: Loaded, size: number, use: (bytes: Uint8Array) => T): Promise<T> {
  if (size === 0 || staging === undefined) {
    await gpu.settled(gpu.raw.queue.onSubmittedWorkDone());
    return use(new Uint8Array());
  }
  await gpu.settled(staging.mapAsync(MAP_MODE.read, 0, size));
  try {
    return use(new Uint8Array(staging.getMappedRange(0, size)));
  } finally {
    staging.unmap();
  }
}

async function runOnHost(loaded: Loaded, encoder: Encoder, { kernel, reads, writes }: HostOperation): Promise<void> {
  const { gpu, plan, memory, staging } = loaded;
  if (writes.length === 0) return;
  const tensors = new Map<number, Tensor>(memory.kept);
  if (reads.length > 0) {
    let top = 0;
    for (const { from } of reads) {
      encoder.copy(from, staging!, top);
      top += from.size!;
    }
    encoder.submit();
    await readBack(loaded, top, (bytes) => {
      for (const { id, at } of reads) {
        const { dtype, shape } = plan.values[id]!;
        tensors.set(id, tensorFromBytes(dtype, shape, bytes.subarray(at, at + byteSize(dtype, shape))));
      }
    });
  } else encoder.submit();
  const tensorOf = (id: number): Tensor => {
    let tensor = tensors.get(id);
    if (tensor === undefined) {
      const { dtype, shape } = plan.values[id]!;
      tensors.set(id, (tensor = makeTensor(dtype, shape)));
    }
    return tensor;
  };
  kernelOf(kernel)(bindStep(kernel, tensorOf));
  for (const { id, to } of writes) write(gpu, to, bytesOf(tensorOf(id)));
}

/** Writes bytes at a place; WebGPU writes whole words. */
function write(gpu: GpuDevice, { buffer, offset = 0 }: GpuBufferBinding, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const whole = wordBytes(bytes.length);
  let data = bytes;
  if (whole !== bytes.length) {
    data = new Uint8Array(whole);
    data.set(bytes);
  }
  gpu.raw.queue.writeBuffer(buffer, offset, data, 0, whole);
}
