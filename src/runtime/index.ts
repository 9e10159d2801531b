/** The runtime: executors that run plans on TensorFlow.js. */
export { BACKENDS, defaultBackend, executorByName } from "./executors.ts";
export { trialInput } from "./inputs.ts";
export { checkModel, constantReader, type Constants } from "./open.ts";
export type { BackendName, Capabilities, Executable, Executor, LoadOptions, StepTime } from "./types.ts";
