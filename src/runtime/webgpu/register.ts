/**
 * Our WGSL kernels as kernels of TensorFlow.js's WebGPU backend, under `Strata` and their name: an
 * engine of TensorFlow.js runs them like its own, and a trace records them like its own.
 */
import type { AttrValue } from "../../ir/types.ts";
import { sizeOf } from "../../kernels/access.ts";
import { byteSize } from "../../ir/bytes.ts";
import { wgslKernelByName, wgslKernelNames } from "./kernels/index.ts";
import type { CallShape, OperandShape, Ref, WgslCall, WgslDispatch } from "./kernels/types.ts";
import type { KernelFunc, TensorInfo, WebGpuProgram, WebGPUBackendType } from "./tfjs-types.ts";

/** Words of a tensor on the device. */
export const wordsOf = ({ dtype, shape }: OperandShape): number => Math.ceil(byteSize(dtype, shape) / 4);

/** The type by which TensorFlow.js knows a tensor of words. */
export const deviceType = (dtype: string): "float32" | "int32" => (dtype === "float32" ? "float32" : "int32");

function programOf(dispatch: WgslDispatch, words: number): WebGpuProgram & { readonly strata: WgslDispatch } {
  const { reads, writeComponents = 1, workgroups, workgroupSize } = dispatch;
  return {
    outputShape: [words],
    variableNames: reads.map((read) => read.name),
    variableComponents: reads.map((read) => read.components ?? 1),
    outputComponent: writeComponents,
    dispatchLayout: { x: [0] },
    dispatch: [...workgroups],
    workgroupSize: [...workgroupSize],
    // The whole code: two programs are one only where nothing differs.
    shaderKey: `strata ${dispatch.label} ${words} ${writeComponents} ${reads.map((read) => read.components ?? 1).join()} ${dispatch.code}`,
    ...(dispatch.atomic === true ? { atomic: true } : {}),
    strata: dispatch,
    // The phony use keeps the uniform binding in the layout, which TensorFlow.js always binds.
    getUserCode: () => `${dispatch.code}\nfn main(index: i32) { _ = uniforms.NAN; kernel(index); }`,
  };
}

/** Runs a call's dispatches on a backend; the tensors are flat arrays of words. Returns its results. */
function runCall(
  backend: WebGPUBackendType,
  call: CallShape,
  made: WgslCall,
  inputs: readonly (TensorInfo | null)[],
): (TensorInfo | null)[] {
  const make = (type: OperandShape): TensorInfo => backend.makeTensorInfo([wordsOf(type)], deviceType(type.dtype));
  const outputs = call.outputs.map((type) => (type === null ? null : make(type)));
  const temporaries = made.temporaries.map(make);
  const tensorOf = (ref: Ref): TensorInfo =>
    ("input" in ref ? inputs[ref.input] : "output" in ref ? outputs[ref.output] : temporaries[ref.temporary])!;
  for (const dispatch of made.dispatches) {
    const output = tensorOf(dispatch.writes);
    backend.runWebGPUProgram(
      programOf(dispatch, output.shape[0]!),
      dispatch.reads.map((read) => tensorOf(read.from)),
      output.dtype,
      null,
      output,
    );
  }
  for (const temporary of temporaries) backend.disposeData(temporary.dataId);
  return outputs;
}

/** Name under which TensorFlow.js knows a kernel of ours. */
export const registeredName = (kernel: string): string => `Strata${kernel}`;

/** A call's dispatches by the kernel of that name, or undefined where there is none for this form. */
export function wgslCall(kernel: string, call: CallShape): WgslCall | undefined {
  // WebGPU knows no empty binding: what holds nothing is the host's.
  if ([...call.inputs, ...call.outputs].some((tensor) => tensor !== null && sizeOf(tensor.shape) === 0))
    return undefined;
  return wgslKernelByName(kernel)?.(call);
}

let registered = false;

/** Registers all kernels of ours with TensorFlow.js, once. */
export function registerWgslKernels(tf: {
  registerKernel(config: { kernelName: string; backendName: string; kernelFunc: never }): void;
}): void {
  if (registered) return;
  registered = true;
  for (const name of wgslKernelNames()) {
    const kernelFunc: KernelFunc = ({ inputs, attrs, backend }) => {
      const { call } = attrs as { readonly call: CallShape & { attrs: ReadonlyMap<string, AttrValue> } };
      const made = wgslCall(name, call);
      if (made === undefined) throw new RangeError(`${name} has no WGSL kernel for this form`);
      const operands = call.inputs.map((type, i) => (type === null ? null : (inputs[`x${i}`] as TensorInfo)));
      return runCall(backend as WebGPUBackendType, call, made, operands).filter((tensor) => tensor !== null);
    };
    tf.registerKernel({ kernelName: registeredName(name), backendName: "webgpu", kernelFunc: kernelFunc as never });
  }
}
