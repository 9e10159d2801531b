/**
 * TensorFlow.js's WebAssembly backend with its results put where we say. Kernels of TensorFlow.js
 * ask the backend for every result (`makeOutput`); here each one gets the tensor that the plan
 * prepared, so a run makes no allocation. Written against @tensorflow/tfjs-backend-wasm 4.22.0,
 * whose version is pinned exactly because `dataIdMap` and `wasm` are not documented.
 */
import {
  env,
  getKernel,
  ready,
  setBackend,
  backend as currentBackend,
  type KernelFunc,
  type TensorInfo,
} from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { broken, outOfMemory } from "../../errors.ts";
import { registerWasm } from "./module.ts";
import { ownFunctions, type OwnFunctions } from "./own/index.ts";
import type { WasmMemory } from "./own/webassembly.ts";

/** The emscripten module: what we use of it. */
interface WasmModule {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(address: number): void;
  /** What the module exports under its own names. */
  readonly asm?: { readonly memory?: WasmMemory };
  readonly tfjs: { registerTensor(id: number, size: number, address: number): void; disposeData(id: number): void };
}

interface TensorData {
  readonly id: number;
  readonly memoryOffset: number;
  readonly shape: readonly number[];
  readonly dtype: string;
  refCount: number;
}

interface Internals {
  readonly wasm: WasmModule;
  readonly dataIdMap: {
    get(dataId: object): TensorData;
    set(dataId: object, data: TensorData): void;
    delete(dataId: object): boolean;
  };
  dataIdNextNumber: number;
  makeOutput(shape: number[], dtype: string, memoryOffset?: number, values?: unknown): TensorInfo;
}

export interface WasmBackend {
  /** Whether the module with SIMD was loaded. */
  readonly simd: boolean;
  /** Our own kernels on this heap; undefined without SIMD. */
  readonly own: OwnFunctions | undefined;
  /** The heap as it is now: growing it replaces the buffer. */
  heap(): ArrayBufferLike;
  /** Address of a new block, 64-byte aligned. Throws InfeasibleError out-of-memory. */
  allocate(bytes: number): number;
  free(address: number): void;
  /** Blocks allocated so far, those of TensorFlow.js included. */
  allocations(): number;
  /** Bytes of the blocks held now, and the most since the last `resetPeak`; what kernels allocate inside is not seen. */
  heapUse(): { readonly held: number; readonly peak: number };
  resetPeak(): void;
  /** A tensor of TensorFlow.js at an address; it owns nothing. */
  tensorAt(address: number, shape: readonly number[], dtype: "float32" | "int32" | "bool"): TensorInfo;
  release(tensor: TensorInfo): void;
  /** Calls a TensorFlow.js kernel whose only result is `output`. */
  call(kernel: KernelFunc, inputs: Record<string, TensorInfo | undefined>, attrs: object, output: TensorInfo): void;
  kernel(name: string): KernelFunc;
}

const ALIGNMENT = 64;

let loading: Promise<WasmBackend> | undefined;

/** The backend, made on first use. It is one for the process, as TensorFlow.js's engine is. */
export function wasmBackend(): Promise<WasmBackend> {
  loading ??= load();
  return loading;
}

async function load(): Promise<WasmBackend> {
  env().set("IS_TEST", true); // keeps TensorFlow.js from printing its banner
  await registerWasm();
  if (!(await setBackend("wasm"))) throw broken("TensorFlow.js could not start its WebAssembly backend");
  await ready();
  const simd = await env().getAsync("WASM_HAS_SIMD_SUPPORT");
  const backend = currentBackend() as BackendWasm;
  const internals = backend as unknown as Internals; // the members that its declarations leave out
  const { wasm, dataIdMap } = internals;

  let blocks = 0;
  // The module's functions put the real ones in their own place when first called: they would undo what follows.
  wasm._free(wasm._malloc(ALIGNMENT));
  const malloc = wasm._malloc.bind(wasm);
  const free = wasm._free.bind(wasm);
  const sizes = new Map<number, number>();
  let held = 0;
  let peak = 0;
  wasm._malloc = (bytes) => {
    blocks++;
    const start = malloc(bytes);
    sizes.set(start, bytes);
    held += bytes;
    peak = Math.max(peak, held);
    return start;
  };
  wasm._free = (start) => {
    held -= sizes.get(start) ?? 0;
    sizes.delete(start);
    free(start);
  };
  const starts = new Map<number, number>();
  const makeOutput = internals.makeOutput.bind(internals);
  let planned: TensorInfo | undefined;
  internals.makeOutput = (shape, dtype, memoryOffset, values) => {
    if (planned === undefined || memoryOffset !== undefined || values !== undefined)
      return makeOutput(shape, dtype, memoryOffset, values);
    const output = planned;
    planned = undefined;
    if (sizeOf(output.shape) !== sizeOf(shape))
      throw broken(`a TensorFlow.js kernel made [${shape.join(",")}] where [${output.shape.join(",")}] was planned`);
    return { ...output, shape };
  };

  const memory = wasm.asm?.memory;
  return {
    simd: Boolean(simd),
    own: simd && memory?.buffer === wasm.HEAPU8.buffer ? ownFunctions(memory) : undefined,
    heap: () => wasm.HEAPU8.buffer,
    allocate(bytes) {
      const start = wasm._malloc(bytes + ALIGNMENT) >>> 0;
      if (start === 0) throw outOfMemory("the WebAssembly heap", bytes);
      const address = Math.ceil(start / ALIGNMENT) * ALIGNMENT;
      starts.set(address, start);
      return address;
    },
    free(address) {
      const start = starts.get(address);
      if (start === undefined) throw broken(`no block at ${address}`);
      starts.delete(address);
      wasm._free(start);
    },
    allocations: () => blocks,
    heapUse: () => ({ held, peak }),
    resetPeak: () => void (peak = held),
    tensorAt(address, shape, dtype) {
      const id = internals.dataIdNextNumber++;
      const dataId = { id };
      dataIdMap.set(dataId, { id, memoryOffset: address, shape, dtype, refCount: 1 });
      wasm.tfjs.registerTensor(id, sizeOf(shape), address);
      return { dataId, shape: [...shape], dtype };
    },
    release(tensor) {
      wasm.tfjs.disposeData(dataIdMap.get(tensor.dataId).id);
      dataIdMap.delete(tensor.dataId);
    },
    call(kernel, inputs, attrs, output) {
      planned = output;
      kernel({ inputs: inputs as never, attrs: attrs as never, backend });
      if (planned !== undefined) {
        planned = undefined;
        throw broken("a TensorFlow.js kernel did not ask for its result");
      }
    },
    kernel(name) {
      const config = getKernel(name, "wasm");
      if (config === undefined) throw broken(`TensorFlow.js has no wasm kernel ${name}`);
      return config.kernelFunc;
    },
  };
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);
