/**
 * A stand-in for @tensorflow/tfjs-node on the real engine of tfjs-core: a backend `tensorflow` that does
 * what the native one does as its source has it. Values stay the caller's array until first use;
 * fused kernels are compositions of tf.* on real tensors; pools refuse explicit padding; only the
 * kernels listed here exist. Arithmetic is in plain loops.
 */
import * as core from "@tensorflow/tfjs-core";
import type { LoadedTensorflow } from "./load.ts";
import type { TfModule } from "./module.ts";

interface Data {
  readonly shape: number[];
  readonly dtype: core.DataType;
  values: Float32Array | undefined;
  /** What createTensor copied. */
  native: Float32Array | undefined;
  refCount: number;
}

export class FakeNodeBackend extends core.KernelBackend {
  readonly isUsingGpuDevice = true;
  readonly data = new Map<object, Data>();
  kernels: string[] = [];
  peak = 0;

  override move(id: object, values: core.BackendValues, shape: number[], dtype: core.DataType, refCount: number): void {
    this.data.set(id, { shape, dtype, values: values as Float32Array, native: undefined, refCount });
    this.peak = Math.max(this.peak, this.bytes());
  }
  override write(values: core.BackendValues, shape: number[], dtype: core.DataType): object {
    const id = {};
    this.move(id, values, shape, dtype, 1);
    return id;
  }
  override readSync(id: object): Float32Array {
    const item = this.item(id);
    return item.values ?? item.native!.slice();
  }
  override async read(id: object): Promise<Float32Array> {
    return this.readSync(id);
  }
  override disposeData(id: object, force = false): boolean {
    const item = this.data.get(id);
    if (item === undefined) return true;
    item.refCount--;
    if (!force && item.refCount > 0) return false;
    item.native?.fill(NaN); // a later read must show
    this.data.delete(id);
    return true;
  }
  override incRef(id: object): void {
    this.item(id).refCount++;
  }
  override refCount(id: object): number {
    return this.data.get(id)?.refCount ?? 0;
  }
  override numDataIds(): number {
    return this.data.size;
  }
  override floatPrecision(): 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override dispose(): void {}

  bytes(): number {
    let sum = 0;
    for (const { shape } of this.data.values()) sum += 4 * core.util.sizeFromShape(shape);
    return sum;
  }
  item(id: object): Data {
    const item = this.data.get(id);
    if (item === undefined) throw new Error("the tensor was not registered");
    return item;
  }
  /** The native tensor: what was held back is copied now, and the caller's array let go. */
  native({ dataId }: core.TensorInfo): Float32Array {
    const item = this.item(dataId);
    item.native ??= Float32Array.from(item.values!);
    item.values = undefined;
    return item.native;
  }
  output(shape: number[], native: Float32Array): core.Tensor {
    const dataId = {};
    this.data.set(dataId, { shape, dtype: "float32", values: undefined, native, refCount: 1 });
    this.peak = Math.max(this.peak, this.bytes());
    return core.engine().makeTensorFromTensorInfo({ dataId, shape, dtype: "float32" });
  }
}

type Inputs = Record<string, core.Tensor | undefined>;
type Run = (inputs: Inputs, attrs: never, backend: FakeNodeBackend) => core.TensorInfo;

const { sizeFromShape: size } = core.util;

const fill = (shape: number[], value: (index: number) => number): Float32Array =>
  Float32Array.from({ length: size(shape) }, (_, i) => value(i));

const strides = (shape: readonly number[]): number[] => shape.map((_, d) => size(shape.slice(d + 1) as number[]));

const binary =
  (compute: (a: number, b: number) => number): Run =>
  ({ a, b }, _, backend) => {
    const [x, y] = [backend.native(a!), backend.native(b!)];
    const shape = core.broadcast_util.assertAndGetBroadcastShape(a!.shape, b!.shape);
    const at = (tensor: core.Tensor, i: number): number => {
      const lead = shape.length - tensor.rank;
      const own = strides(tensor.shape);
      return strides(shape).reduce((sum, stride, d) => {
        if (d < lead || tensor.shape[d - lead] === 1) return sum;
        return sum + (Math.floor(i / stride) % shape[d]!) * own[d - lead]!;
      }, 0);
    };
    return backend.output(
      shape,
      fill(shape, (i) => compute(x[at(a!, i)]!, y[at(b!, i)]!)),
    );
  };

const unary =
  (compute: (x: number) => number): Run =>
  ({ x }, _, backend) =>
    backend.output([...x!.shape], backend.native(x!).map(compute));

const batchMatMul: Run = ({ a, b }, attrs: { transposeA: boolean; transposeB: boolean }, backend) => {
  const [x, y] = [backend.native(a!), backend.native(b!)];
  const [batchA, a1, a2] = a!.shape as [number, number, number];
  const [batchB, b1, b2] = b!.shape as [number, number, number];
  const [m, k] = attrs.transposeA ? [a2, a1] : [a1, a2];
  const n = attrs.transposeB ? b1 : b2;
  const shape = [Math.max(batchA, batchB), m, n];
  const value = (i: number): number => {
    const [z, r, c] = [Math.floor(i / (m * n)), Math.floor(i / n) % m, i % n];
    let sum = 0;
    for (let j = 0; j < k; j++) {
      const left = attrs.transposeA ? j * a2 + r : r * a2 + j;
      const right = attrs.transposeB ? c * b2 + j : j * b2 + c;
      sum += x[(z % batchA) * a1 * a2 + left]! * y[(z % batchB) * b1 * b2 + right]!;
    }
    return sum;
  };
  return backend.output(shape, fill(shape, value));
};

interface ConvAttrs {
  readonly strides: [number, number];
  readonly pad: core.backend_util.ExplicitPadding | "valid" | "same";
  readonly dilations: [number, number];
  readonly dimRoundingMode: "floor";
  readonly activation: "linear" | "relu" | "relu6";
  readonly filterSize: [number, number];
}

function conv(x: core.Tensor, filter: core.Tensor, attrs: ConvAttrs, depthwise: boolean, backend: FakeNodeBackend) {
  const info = core.backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filter.shape as [number, number, number, number],
    attrs.strides,
    // The native depthwise kernel takes dilations and does without them.
    depthwise ? 1 : attrs.dilations,
    attrs.pad,
    attrs.dimRoundingMode,
    depthwise,
  );
  if (depthwise && info.strideHeight !== info.strideWidth) throw new Error("only equal strides are supported");
  const [values, weights] = [backend.native(x), backend.native(filter)];
  const [, , filterIn, filterOut] = filter.shape as [number, number, number, number];
  const shape = [...info.outShape];
  const value = (i: number): number => {
    const c = i % info.outChannels;
    const ox = Math.floor(i / info.outChannels) % info.outWidth;
    const oy = Math.floor(i / info.outChannels / info.outWidth) % info.outHeight;
    const n = Math.floor(i / info.outChannels / info.outWidth / info.outHeight);
    let sum = 0;
    for (let fy = 0; fy < info.filterHeight; fy++)
      for (let fx = 0; fx < info.filterWidth; fx++) {
        const iy = oy * info.strideHeight - info.padInfo.top + fy * info.dilationHeight;
        const ix = ox * info.strideWidth - info.padInfo.left + fx * info.dilationWidth;
        if (iy < 0 || ix < 0 || iy >= info.inHeight || ix >= info.inWidth) continue;
        const pixel = ((n * info.inHeight + iy) * info.inWidth + ix) * info.inChannels;
        const tap = (fy * info.filterWidth + fx) * filterIn * filterOut;
        if (depthwise) sum += values[pixel + Math.floor(c / filterOut)]! * weights[tap + c]!;
        else for (let k = 0; k < filterIn; k++) sum += values[pixel + k]! * weights[tap + k * filterOut + c]!;
      }
    return sum;
  };
  return backend.output(shape, fill(shape, value));
}

/** bias and activation, as tf.* on what a kernel made, which is let go. */
function finish(made: core.Tensor, bias: core.Tensor | undefined, activation: string): core.Tensor {
  let result = made;
  const next = (tensor: core.Tensor): void => {
    result.dispose();
    result = tensor;
  };
  if (bias !== undefined) next(core.add(result, bias));
  if (activation === "relu") next(core.relu(result));
  else if (activation === "relu6") next(core.relu6(result));
  else if (activation !== "linear") throw new Error(`activation ${activation} has not been implemented`);
  return result;
}

const fusedConv =
  (depthwise: boolean): Run =>
  ({ x, filter, bias }, attrs: ConvAttrs, backend) =>
    finish(conv(x!, filter!, attrs, depthwise, backend), bias, attrs.activation);

const maxPool: Run = ({ x }, { filterSize, strides: step, pad, dimRoundingMode }: ConvAttrs, backend) => {
  const info = core.backend_util.computePool2DInfo(
    x!.shape as [number, number, number, number],
    filterSize,
    step,
    1,
    pad,
    dimRoundingMode,
  );
  if (info.padInfo.type !== "VALID" && info.padInfo.type !== "SAME")
    throw new Error(`TF Backend supports only 'valid' and 'same' padding while padding was ${info.padInfo.type}`);
  const values = backend.native(x!);
  const shape = [...info.outShape];
  const value = (i: number): number => {
    const c = i % info.outChannels;
    const ox = Math.floor(i / info.outChannels) % info.outWidth;
    const oy = Math.floor(i / info.outChannels / info.outWidth) % info.outHeight;
    const n = Math.floor(i / info.outChannels / info.outWidth / info.outHeight);
    let most = -Infinity;
    for (let fy = 0; fy < info.filterHeight; fy++)
      for (let fx = 0; fx < info.filterWidth; fx++) {
        const iy = oy * info.strideHeight - info.padInfo.top + fy;
        const ix = ox * info.strideWidth - info.padInfo.left + fx;
        if (iy < 0 || ix < 0 || iy >= info.inHeight || ix >= info.inWidth) continue;
        most = Math.max(most, values[((n * info.inHeight + iy) * info.inWidth + ix) * info.inChannels + c]!);
      }
    return most;
  };
  return backend.output(shape, fill(shape, value));
};

const softmax: Run = ({ logits }, _, backend) => {
  const values = backend.native(logits!);
  const n = logits!.shape.at(-1)!;
  const rows = Float32Array.from(values, (value, i) => {
    const row = values.subarray(i - (i % n), i - (i % n) + n);
    const top = Math.max(...row);
    return Math.exp(value - top) / row.reduce((sum, x) => sum + Math.exp(x - top), 0);
  });
  return backend.output([...logits!.shape], rows);
};

const transpose: Run = ({ x }, { perm }: { perm: number[] }, backend) => {
  const values = backend.native(x!);
  const shape = perm.map((d) => x!.shape[d]!);
  const from = strides(x!.shape);
  const to = strides(shape);
  const index = (i: number): number =>
    perm.reduce((sum, d, at) => sum + (Math.floor(i / to[at]!) % shape[at]!) * from[d]!, 0);
  return backend.output(
    shape,
    fill(shape, (i) => values[index(i)]!),
  );
};

const KERNELS: Readonly<Record<string, Run>> = {
  Add: binary((a, b) => a + b),
  Sub: binary((a, b) => a - b),
  Multiply: binary((a, b) => a * b),
  RealDiv: binary((a, b) => a / b),
  Relu: unary((x) => Math.max(x, 0)),
  Relu6: unary((x) => Math.min(Math.max(x, 0), 6)),
  BatchMatMul: batchMatMul,
  _FusedMatMul: ({ a, b, bias }, attrs: { transposeA: boolean; transposeB: boolean; activation: string }) =>
    core.tidy(() => {
      const product: core.Tensor = core.matMul(a!, b!, attrs.transposeA, attrs.transposeB);
      return finish(product, bias, attrs.activation);
    }),
  FusedConv2D: fusedConv(false),
  FusedDepthwiseConv2D: fusedConv(true),
  MaxPool: maxPool,
  Softmax: softmax,
  Transpose: transpose,
  Reshape: ({ x }, { shape }: { shape: number[] }, backend) => {
    backend.incRef(x!.dataId);
    return { dataId: x!.dataId, shape: core.util.inferFromImplicitShape(shape, x!.size), dtype: x!.dtype };
  },
  Slice: ({ x }, { begin, size: count }: { begin: number[]; size: number[] }, backend) =>
    backend.output(count, backend.native(x!).slice(begin[0], begin[0]! + count[0]!)),
};

let backend: FakeNodeBackend | undefined;

/** What importing the package does: registers, and makes itself the active backend. */
export function fakeTensorflow(): { readonly loaded: LoadedTensorflow; readonly backend: FakeNodeBackend } {
  if (backend === undefined) {
    const made = (backend = new FakeNodeBackend());
    core.env().set("IS_TEST", true);
    core.registerBackend("tensorflow", () => made, 3);
    for (const [kernelName, run] of Object.entries(KERNELS))
      core.registerKernel({
        kernelName,
        backendName: "tensorflow",
        kernelFunc: ({ inputs, attrs }) => {
          made.kernels.push(kernelName);
          return run(inputs as Inputs, attrs as never, made);
        },
      });
    core.setBackend("tensorflow");
  }
  const tf = { ...core, version: { "tfjs-core": core.version_core } } as unknown as TfModule;
  return { loaded: { tf, name: "@tensorflow/tfjs-node-gpu", notes: [] }, backend };
}
