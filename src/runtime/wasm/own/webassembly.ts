/** The part of the WebAssembly API that we use: the ES libraries of TypeScript leave it out. */
export interface WasmMemory {
  readonly buffer: ArrayBufferLike;
}

interface Api {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

export const webAssembly = (globalThis as unknown as { readonly WebAssembly: Api }).WebAssembly;
