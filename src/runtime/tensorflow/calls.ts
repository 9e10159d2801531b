/**
 * Which steps TensorFlow computes: those of the wasm table, less the forms that its Node binding
 * refuses or computes wrongly.
 */
import { tfjsCall, type StepShape, type TfjsCall } from "../wasm/tfjs-kernels.ts";

interface Window {
  readonly strides: readonly [number, number];
  readonly pad: readonly (readonly [number, number])[];
}

/** TensorFlow's SAME padding along one axis: what is missing for ceil(size / stride) windows, the odd one behind. */
function samePad(size: number, window: number, stride: number): readonly [number, number] {
  const missing = Math.max((Math.ceil(size / stride) - 1) * stride + window - size, 0);
  return [Math.floor(missing / 2), Math.ceil(missing / 2)];
}

/** The binding's pools know "valid" and "same" only. */
function pool(call: TfjsCall): TfjsCall | undefined {
  const { filterSize, strides, pad } = call.attrs as Window & { readonly filterSize: readonly [number, number] };
  const { shape } = call.inputs.x!;
  if (pad.flat().every((size) => size === 0)) return { ...call, attrs: { ...call.attrs, pad: "valid" } };
  const same = [0, 1].every((d) => {
    const [before, after] = samePad(shape[d + 1]!, filterSize[d]!, strides[d]!);
    return pad[d + 1]![0] === before && pad[d + 1]![1] === after;
  });
  return same ? { ...call, attrs: { ...call.attrs, pad: "same" } } : undefined;
}

/** DepthwiseConv2dNative wants equal strides, and leaves dilations out of account without saying so. */
function depthwise(call: TfjsCall): TfjsCall | undefined {
  const { strides, dilations } = call.attrs as Window & { readonly dilations: readonly number[] };
  return strides[0] === strides[1] && dilations.every((dilation) => dilation === 1) ? call : undefined;
}

/** The TensorFlow kernel for a step, or undefined where the reference kernel computes it on the host. */
export function tensorflowCall(kernel: string, step: StepShape): TfjsCall | undefined {
  const call = tfjsCall(kernel, step);
  if (call?.kernel === "MaxPool" || call?.kernel === "AvgPool") return pool(call);
  if (call?.kernel === "FusedDepthwiseConv2D") return depthwise(call);
  return call;
}
