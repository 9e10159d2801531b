/**
 * A WGSL kernel against the reference kernel of its name, on TensorFlow.js's WebGPU backend over
 * whatever driver is configured. Used by the tests of each kernel family.
 */
import { byteSize } from "../../../ir/bytes.ts";
import { isInteger } from "../../../ir/dtype.ts";
import type { AttrValue } from "../../../ir/types.ts";
import { bytesOf, makeTensor, reader, sizeOf, tensorFromBytes } from "../../../kernels/access.ts";
import { kernelByName } from "../../../kernels/index.ts";
import type { Tensor } from "../../../kernels/types.ts";
import { deviceType, registeredName, registerWgslKernels, wgslCall, wordsOf } from "../register.ts";
import { loadWebGpuModule, type KernelFunc, type TensorInfo, type WebGPUBackendType } from "../tfjs.ts";
import type { CallShape, OperandShape } from "./types.ts";

interface TestBackend {
  readonly tf: typeof import("@tensorflow/tfjs-core");
  readonly backend: WebGPUBackendType;
  readonly errors: string[];
}

let opened: Promise<TestBackend | undefined> | undefined;

interface DawnDevice {
  readonly queue: { onSubmittedWorkDone(): Promise<void> };
  addEventListener(type: string, listener: (event: { readonly error: { readonly message: string } }) => void): void;
}

async function open(): Promise<TestBackend | undefined> {
  const { create, globals } = (await import("webgpu")) as unknown as {
    create(flags: string[]): { requestAdapter(): Promise<DawnAdapter | null> };
    globals: object;
  };
  interface DawnAdapter {
    readonly info: object;
    readonly limits: Record<string, number>;
    requestDevice(descriptor: object): Promise<DawnDevice>;
  }
  Object.assign(globalThis, globals);
  const gpu = create([]);
  // Dawn's instance lives as long as this object: without a reference it is collected under the device.
  Object.assign(globalThis, { strataTestGpu: gpu });
  const adapter = await gpu.requestAdapter();
  if (adapter === null) return undefined;
  const wanted = [
    "maxBufferSize",
    "maxStorageBufferBindingSize",
    "maxStorageBuffersPerShaderStage",
    "maxComputeWorkgroupStorageSize",
    "maxComputeInvocationsPerWorkgroup",
    "maxComputeWorkgroupSizeX",
  ];
  const device = await adapter.requestDevice({
    requiredLimits: Object.fromEntries(wanted.map((name) => [name, adapter.limits[name]])),
  });
  const errors: string[] = [];
  device.addEventListener("uncapturederror", (event) => void errors.push(event.error.message));
  const { tf, WebGPUBackend } = await loadWebGpuModule();
  registerWgslKernels(tf);
  return { tf, backend: new WebGPUBackend(device, adapter.info), errors };
}

/** The backend, or undefined where there is no driver (then tests print why and skip). */
export const testBackend = (): Promise<TestBackend | undefined> => (opened ??= open());

export interface KernelCase {
  readonly kernel: string;
  readonly inputs: readonly (Tensor | null)[];
  readonly outputs: readonly (OperandShape | null)[];
  readonly attrs?: Readonly<Record<string, AttrValue>>;
  /** Scratch tensors of the reference kernel, which a GPU has no use for. */
  readonly scratch?: readonly OperandShape[];
}

export interface KernelOutcome {
  readonly expected: readonly Tensor[];
  /** Undefined where the WGSL kernel does not cover this form. */
  readonly actual: readonly Tensor[] | undefined;
}

/** Words of a tensor's bytes, padded, as TensorFlow.js takes them. */
function wordsArray(tensor: Tensor): Float32Array | Int32Array {
  const bytes = new Uint8Array(Math.ceil(byteSize(tensor.dtype, tensor.shape) / 4) * 4);
  bytes.set(bytesOf(tensor));
  return tensor.dtype === "float32" ? new Float32Array(bytes.buffer) : new Int32Array(bytes.buffer);
}

/** Runs a case both ways. */
export async function runKernelCase({ tf, backend, errors }: TestBackend, one: KernelCase): Promise<KernelOutcome> {
  const attrs = new Map(Object.entries(one.attrs ?? {}));
  const expected = one.outputs.map((type) => (type === null ? null : makeTensor(type.dtype, type.shape)));
  const reference = kernelByName(one.kernel);
  if (reference === undefined) throw new RangeError(`no reference kernel ${one.kernel}`);
  const scratch = (one.scratch ?? []).map(({ dtype, shape }) => makeTensor(dtype, shape));
  reference({ inputs: one.inputs, outputs: [...expected, ...scratch], attrs });
  const call: CallShape = { inputs: one.inputs, outputs: one.outputs, attrs };
  const wanted = expected.filter((tensor) => tensor !== null);
  if (wgslCall(one.kernel, call) === undefined) return { expected: wanted, actual: undefined };
  const inputs: Record<string, TensorInfo> = {};
  one.inputs.forEach((tensor, i) => {
    if (tensor !== null)
      inputs[`x${i}`] = backend.makeTensorInfo([wordsOf(tensor)], deviceType(tensor.dtype), wordsArray(tensor));
  });
  const { kernelFunc } = tf.getKernel(registeredName(one.kernel), "webgpu")! as unknown as { kernelFunc: KernelFunc };
  const results = kernelFunc({ inputs, attrs: { call }, backend }) as TensorInfo[];
  const actual: Tensor[] = [];
  for (const [i, result] of results.entries()) {
    const words = await backend.read(result.dataId);
    const { dtype, shape } = wanted[i]!;
    const bytes = new Uint8Array(words.buffer, words.byteOffset, byteSize(dtype, shape));
    actual.push(tensorFromBytes(dtype, shape, bytes));
    backend.disposeData(result.dataId);
  }
  for (const input of Object.values(inputs)) backend.disposeData(input.dataId);
  if (errors.length > 0) throw new Error(`${one.kernel}: ${errors.splice(0).join("\n")}`);
  return { expected: wanted, actual };
}

/**
 * Greatest difference over all results: |actual - expected| / (absolute + relative |expected|); NaN equals NaN.
 * Results that are no floats must be equal.
 */
export function worstError({ expected, actual }: KernelOutcome, absolute: number, relative: number): number {
  if (actual === undefined) return 0;
  let worst = 0;
  expected.forEach((tensor, t) => {
    if (isInteger(tensor.dtype) || tensor.dtype === "bool") {
      const [want, got] = [bytesOf(tensor), bytesOf(actual[t]!)];
      if (want.some((byte, i) => byte !== got[i])) worst = Infinity;
      return;
    }
    const want = reader(tensor);
    const got = reader(actual[t]!);
    for (let i = 0; i < sizeOf(tensor.shape); i++) {
      const [a, b] = [got(i), want(i)];
      if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
      const error = Math.abs(a - b) / (absolute + relative * Math.abs(b));
      worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
    }
  });
  return worst;
}
