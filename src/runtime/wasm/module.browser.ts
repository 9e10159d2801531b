/** The twin of module.ts for browsers: the WebAssembly binaries lie beside the bundle. */
export async function registerWasm(): Promise<void> {
  const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(new URL("./", import.meta.url).href);
}
