/**
 * Tracing: TensorFlow.js's WebGPU kernels (its own and ours) run on a mock device, and every dispatch
 * is recorded with its code, uniforms, grid and tensors. Needs no GPU; equal calls are traced once.
 */
import { toBase64 } from "../../ir/base64.ts";
import { byteSize } from "../../ir/bytes.ts";
import type { CallRef, CallShape, DispatchedCall, DispatchSource, OperandShape } from "../../ir/dispatch.ts";
import { sha256 } from "../../hash.ts";
import { sizeOf } from "../../kernels/access.ts";
import { tfjsCall } from "../wasm/tfjs-kernels.ts";
import type { WgslDispatch } from "./kernels/types.ts";
import { mockDevice, TRACE_LIMITS, type RecordedPipeline } from "./mock-device.ts";
import { deviceType, registeredName, registerWgslKernels, wgslCall, wordsOf } from "./register.ts";
import { loadWebGpuModule, type KernelFunc, type TensorInfo, type WebGPUBackendType } from "./tfjs.ts";
import type { WebGpuProgram } from "./tfjs-types.ts";
import { storageBindings } from "./wgsl.ts";

export interface TracedDispatch {
  readonly label: string;
  readonly writes: CallRef;
  readonly reads: readonly CallRef[];
  readonly writeType: string;
  readonly readTypes: readonly string[];
  /** Names of the variables: the result's, then those of the reads. */
  readonly names: readonly string[];
  readonly overwrite: readonly number[];
  readonly code: string;
  readonly entryPoint: string;
  readonly uniforms: Uint8Array;
  readonly workgroups: readonly [number, number, number];
}

export interface TracedCall extends DispatchedCall {
  readonly dispatches: readonly TracedDispatch[];
}

export interface Tracer extends DispatchSource {
  dispatch(kernel: string, call: CallShape): TracedCall | undefined;
}

/** A call as a kernel of TensorFlow.js: name, operands as they are shown to it, attributes. */
export interface BackendCall {
  readonly kernelFunc: KernelFunc;
  /** Shape and type of each operand; several may show one input. */
  readonly operands: readonly {
    readonly name: string;
    readonly input: number;
    readonly shape: readonly number[];
    readonly type: "float32" | "int32";
  }[];
  readonly attrs: object;
}

type Registry = Pick<typeof import("@tensorflow/tfjs-core"), "getKernel">;

/** How the backend computes a call, or undefined where it can't: kernels of ours first, then TensorFlow.js's. */
export function backendCall(tf: Registry, kernel: string, call: CallShape): BackendCall | undefined {
  const find = (name: string): KernelFunc =>
    (tf.getKernel(name, "webgpu") as unknown as { kernelFunc: KernelFunc }).kernelFunc;
  if (wgslCall(kernel, call) !== undefined)
    return {
      kernelFunc: find(registeredName(kernel)),
      operands: call.inputs.flatMap((type, input) =>
        type === null ? [] : [{ name: `x${input}`, input, shape: [wordsOf(type)], type: deviceType(type.dtype) }],
      ),
      attrs: { call },
    };
  const chosen = tfjsCall(kernel, call);
  if (
    chosen === undefined ||
    [chosen.output, ...Object.values(chosen.inputs).map((operand) => operand.shape)].some((shape) => shape.length > 6)
  )
    return undefined;
  return {
    kernelFunc: find(chosen.kernel),
    operands: Object.entries(chosen.inputs).map(([name, { at, shape }]) => ({
      name,
      input: at,
      shape,
      type: "float32",
    })),
    attrs: chosen.attrs,
  };
}

/** Programs of TensorFlow.js in which an invocation reads only the elements that it writes, where shapes agree. */
const ELEMENTWISE = new Set(["unary", "binary"]);

/** A program of TensorFlow.js by the first word of its key: class names don't survive a minifier. */
const programName = ({ shaderKey }: WebGpuProgram): string => shaderKey.split("_")[0]!;

function overwriteOf(program: WebGpuProgram, inputs: readonly TensorInfo[], output: TensorInfo): number[] {
  const own = (program as { readonly strata?: WgslDispatch }).strata;
  if (own !== undefined) return own.reads.flatMap((read, i) => (read.overwrite === true ? [i] : []));
  if (!ELEMENTWISE.has(programName(program))) return [];
  return inputs.flatMap((input, i) => (input.shape.join() === output.shape.join() ? [i] : []));
}

const keyOf = (kernel: string, call: CallShape): string =>
  JSON.stringify(
    [kernel, call.inputs, call.outputs, [...call.attrs].sort(([a], [b]) => (a < b ? -1 : 1))],
    (_, value) => (typeof value === "bigint" ? `${value}n` : (value as unknown)),
  );

/** Opens a tracer: loads TensorFlow.js, no device. */
export async function openTracer(): Promise<Tracer> {
  const { tf, WebGPUBackend } = await loadWebGpuModule();
  registerWgslKernels(tf);
  const mock = mockDevice();
  // Neutral adapter: the backend chooses other kernels for some vendors.
  const backend = new WebGPUBackend(mock.device, {});
  const recorder = record(backend, mock.takeUniforms);
  const cache = new Map<string, TracedCall | undefined>();
  return {
    limits: TRACE_LIMITS,
    digest: (calls) => sha256(calls.join("\n")),
    dispatch(kernel, call) {
      const key = keyOf(kernel, call);
      if (!cache.has(key)) cache.set(key, traceCall(tf, backend, recorder, kernel, call));
      return cache.get(key);
    },
  };
}

interface Recorded {
  readonly program: WebGpuProgram;
  readonly output: TensorInfo;
  readonly inputs: readonly TensorInfo[];
  readonly uniforms: Uint8Array;
}

interface Recorder {
  readonly dispatches: Recorded[];
  /** Values that a kernel uploaded, by tensor data id. */
  readonly constants: Map<object, ArrayLike<number>>;
}

/** Overrides of the backend's methods that see each dispatch and upload. */
function record(backend: WebGPUBackendType, takeUniforms: () => Uint8Array): Recorder {
  const recorder: Recorder = { dispatches: [], constants: new Map() };
  const patched = backend as unknown as {
    recordAndSubmit: WebGPUBackendType["recordAndSubmit"];
    uploadToGPU(id: object): void;
  };
  const submit = patched.recordAndSubmit.bind(backend);
  const upload = patched.uploadToGPU.bind(backend);
  patched.recordAndSubmit = (program, output, inputs, uniforms) => {
    submit(program, output, inputs, uniforms);
    recorder.dispatches.push({ program, output, inputs, uniforms: takeUniforms() });
  };
  patched.uploadToGPU = (id) => {
    const { values } = backend.tensorMap.get(id);
    if (values !== null && values !== undefined) recorder.constants.set(id, values);
    upload(id);
  };
  return recorder;
}

function traceCall(
  tf: Registry,
  backend: WebGPUBackendType,
  recorder: Recorder,
  kernel: string,
  call: CallShape,
): TracedCall | undefined {
  const made = backendCall(tf, kernel, call);
  if (made === undefined) return undefined;
  recorder.dispatches.length = 0;
  recorder.constants.clear();
  const refs = new Map<object, CallRef>();
  const inputs: Record<string, TensorInfo> = {};
  const byInput = new Map<number, TensorInfo>();
  for (const { name, input, shape, type } of made.operands) {
    // One input shown twice is one tensor.
    const known = byInput.get(input);
    const info: TensorInfo =
      known === undefined ? backend.makeTensorInfo([...shape], type) : { ...known, shape: [...shape] };
    byInput.set(input, info);
    refs.set(info.dataId, { input });
    inputs[name] = info;
  }
  const returned = made.kernelFunc({ inputs, attrs: made.attrs, backend });
  const results = Array.isArray(returned) ? returned : [returned];
  const wanted = call.outputs.flatMap((type, i) => (type === null ? [] : [i]));
  for (const [k, result] of results.entries()) {
    // A result that is an operand, or that nothing wrote, can't be placed.
    if (refs.has(result.dataId) || wanted[k] === undefined) return undefined;
    refs.set(result.dataId, { output: wanted[k] });
  }
  const temporaries: OperandShape[] = [];
  const constants: { type: OperandShape; base64: string }[] = [];
  const refOf = ({ dataId, shape, dtype }: TensorInfo): CallRef => {
    let ref = refs.get(dataId);
    if (ref === undefined) {
      const type: OperandShape = { dtype: dtype === "float32" ? "float32" : "int32", shape: [sizeOf(shape)] };
      const values = recorder.constants.get(dataId);
      if (values === undefined) ref = { temporary: temporaries.push(type) - 1 };
      else {
        const words = dtype === "float32" ? Float32Array.from(values) : Int32Array.from(values);
        ref = { constant: constants.push({ type, base64: toBase64(new Uint8Array(words.buffer)) }) - 1 };
      }
      refs.set(dataId, ref);
    }
    return ref;
  };
  const dispatches = recorder.dispatches.map(({ program, output, inputs: read, uniforms }): TracedDispatch => {
    const { code, entryPoint } = program.pipeline as RecordedPipeline;
    const bindings = storageBindings(code);
    const own = (program as { readonly strata?: WgslDispatch }).strata;
    const [result, ...others] = bindings;
    const readTypes = others.map((binding) => binding.type);
    return {
      label: own?.label ?? programName(program),
      writes: refOf(output),
      reads: read.map(refOf),
      writeType: result!.type,
      readTypes,
      names: bindings.map((binding) => binding.name),
      overwrite: overwriteOf(program, read, output).filter((i) => readTypes[i] === result!.type),
      code,
      entryPoint,
      uniforms,
      workgroups: [...program.dispatch],
    };
  });
  const unwritten = wanted.some((output) => {
    const { dtype, shape } = call.outputs[output]!;
    return (
      byteSize(dtype, shape) > 0 && !dispatches.some(({ writes }) => "output" in writes && writes.output === output)
    );
  });
  for (const info of [...byInput.values(), ...results]) backend.disposeData(info.dataId, true);
  if (unwritten) return undefined;
  const digest = sha256(
    JSON.stringify(dispatches.map((dispatch) => ({ ...dispatch, uniforms: toBase64(dispatch.uniforms) }))),
  );
  return { temporaries, constants, dispatches, digest };
}
