/** Registers TensorFlow.js's WebAssembly backend; in Node it finds its binaries in its own package. */
export async function registerWasm(): Promise<void> {
  await import("@tensorflow/tfjs-backend-wasm");
}
