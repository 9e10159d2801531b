/** Our own WebAssembly kernels, on TensorFlow.js's heap: assembled once, in a module of a few kilobytes. */
import { SCORES } from "./attend.ts";
import { CHANNELS } from "./channels.ts";
import { ELEMENTWISE } from "./elementwise.ts";
import { assemble } from "./module.ts";
import { CELLS } from "./lstm.ts";
import { MOVES } from "./moves.ts";
import { NORMS } from "./norm.ts";
import { PANELS } from "./panel.ts";
import { PRODUCTS } from "./product.ts";
import { FOLDING } from "./reduce.ts";
import { ROTATIONS } from "./rotary.ts";
import { SOFTMAXES } from "./softmax.ts";
import { webAssembly, type WasmMemory } from "./webassembly.ts";

/** Functions on addresses of float32 data; their parameters stand with each in its file. */
export type OwnFunctions = Readonly<Record<string, (...parameters: readonly number[]) => void>>;

let code: object | undefined;

/** The functions on a memory. Needs SIMD. */
export function ownFunctions(memory: WasmMemory): OwnFunctions {
  code ??= new webAssembly.Module(
    assemble([
      ...CELLS,
      ...CHANNELS,
      ...ELEMENTWISE,
      ...FOLDING,
      ...MOVES,
      ...NORMS,
      ...PANELS,
      ...PRODUCTS,
      ...ROTATIONS,
      ...SCORES,
      ...SOFTMAXES,
    ]),
  );
  return new webAssembly.Instance(code, { env: { memory } }).exports as OwnFunctions;
}
