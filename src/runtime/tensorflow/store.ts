/**
 * The bytes of a run's values, each on the host, in a tensor of TensorFlow, or in both. A view has no
 * bytes: it shows those of the value at the end of its chain.
 */
import { broken } from "../../errors.ts";
import { makeStorage, sizeOf, storageOn } from "../../kernels/access.ts";
import type { Tensor } from "../../kernels/types.ts";
import type { Plan } from "../../plan/schema.ts";
import type { TfModule, TfTensor } from "./module.ts";

/** A tensor for one kernel call; `temporary` ones are the caller's to dispose. */
export interface Shown {
  readonly tensor: TfTensor;
  readonly temporary: boolean;
}

export interface Store {
  /** The value whose bytes a view shows; the value itself where it is no view. */
  base(id: number): number;
  /** Whether `id` shows all of its base. */
  isWhole(id: number): boolean;
  /** The value on the host, to read. Throws InternalError where it was never written, or is freed. */
  read(id: number): Tensor;
  /** The value on the host, to write: what else holds its bytes becomes stale. */
  write(id: number): Tensor;
  /** The value as a float32 tensor of that shape. */
  show(id: number, shape: readonly number[]): Shown;
  /** Takes over `tensor` as the bytes of the whole value `id`. */
  put(id: number, tensor: TfTensor): void;
  /** Forgets a base's bytes. */
  free(base: number): void;
  /** Forgets a base's copy on the host, where a tensor has its bytes or can be made of them. */
  freeHost(base: number): void;
  bases(): readonly number[];
  /** Bytes held, copies counted; and the most that was held. */
  bytes(): { readonly live: number; readonly peak: number };
  /** Buffers and tensors made so far. */
  allocations(): number;
}

interface Held {
  host: ArrayBuffer | undefined;
  tensor: TfTensor | undefined;
}

export function makeStore(plan: Plan, tf: TfModule): Store {
  const held = new Map<number, Held>();
  let live = 0;
  let peak = 0;
  let allocations = 0;

  const valueOf = (id: number) => plan.values[id] ?? unknown(id);
  const base = (id: number): number => {
    const { viewOf } = valueOf(id);
    return viewOf === null ? id : base(viewOf);
  };
  /** Bytes from the start of the base. */
  const offset = (id: number): number => valueOf(id).storage.offset - valueOf(base(id)).storage.offset;
  const isWhole = (id: number): boolean => offset(id) === 0 && valueOf(id).bytes === valueOf(base(id)).bytes;

  const entry = (root: number): Held => {
    let found = held.get(root);
    if (found === undefined) held.set(root, (found = { host: undefined, tensor: undefined }));
    return found;
  };
  const grow = (bytes: number): void => {
    allocations++;
    live += bytes;
    peak = Math.max(peak, live);
  };
  const dropTensor = (item: Held): void => {
    if (item.tensor === undefined) return;
    live -= 4 * item.tensor.size;
    item.tensor.dispose();
    item.tensor = undefined;
  };
  const dropHost = (item: Held): void => {
    live -= item.host?.byteLength ?? 0;
    item.host = undefined;
  };
  const newHost = (root: number): ArrayBuffer => {
    const { dtype, shape } = valueOf(root);
    const buffer = makeStorage(dtype, sizeOf(shape)).buffer as ArrayBuffer;
    grow(buffer.byteLength);
    return buffer;
  };
  const hostOf = (root: number): ArrayBuffer => {
    const item = entry(root);
    if (item.host !== undefined) return item.host;
    const { tensor } = item;
    if (tensor === undefined) throw broken(`value ${valueOf(root).name} is read but holds nothing`);
    const host = newHost(root);
    new Float32Array(host).set(tensor.dataSync());
    return (item.host = host);
  };
  const on = (id: number, host: ArrayBuffer): Tensor => {
    const { dtype, shape } = valueOf(id);
    return { dtype, shape, data: storageOn(dtype, host, offset(id), sizeOf(shape)) };
  };
  const tensorOf = (root: number): TfTensor => {
    const item = entry(root);
    if (item.tensor !== undefined) return item.tensor;
    // A copy, as TensorFlow keeps the array itself until it needs the values.
    const values = new Float32Array(hostOf(root).slice(0));
    item.tensor = tf.tensor(values, [...valueOf(root).shape], "float32");
    grow(values.byteLength);
    return item.tensor;
  };

  return {
    base,
    isWhole,
    read: (id) => on(id, hostOf(base(id))),
    write(id) {
      const root = base(id);
      const item = entry(root);
      // A part is written into what is there already, the whole into anything.
      if (item.host === undefined) item.host = isWhole(id) || item.tensor === undefined ? newHost(root) : hostOf(root);
      dropTensor(item);
      return on(id, item.host);
    },
    show(id, shape) {
      const tensor = tensorOf(base(id));
      if (isWhole(id)) {
        const same = tensor.shape.length === shape.length && tensor.shape.every((dim, d) => dim === shape[d]);
        return same ? { tensor, temporary: false } : { tensor: tf.reshape(tensor, [...shape]), temporary: true };
      }
      const flat = tf.reshape(tensor, [tensor.size]);
      const part = tf.slice(flat, [offset(id) / 4], [sizeOf(shape)]);
      const shaped = tf.reshape(part, [...shape]);
      flat.dispose();
      part.dispose();
      return { tensor: shaped, temporary: true };
    },
    put(id, tensor) {
      const item = entry(base(id));
      dropHost(item);
      dropTensor(item);
      item.tensor = tensor;
      grow(4 * tensor.size);
    },
    free(root) {
      const item = held.get(root);
      if (item === undefined) return;
      dropHost(item);
      dropTensor(item);
      held.delete(root);
    },
    freeHost(root) {
      tensorOf(root);
      dropHost(entry(root));
    },
    bases: () => [...held.keys()],
    bytes: () => ({ live, peak }),
    allocations: () => allocations,
  };
}

function unknown(id: number): never {
  throw broken(`the plan has no value ${id}`);
}
