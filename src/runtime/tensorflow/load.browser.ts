/** The twin of load.ts for browsers: TensorFlow's binding is native. */
import { providerMissing } from "../../errors.ts";
import type { LoadedTensorflow } from "./load.ts";

/** Throws InputError `provider-missing`. */
export const loadTensorflow = (): Promise<LoadedTensorflow> =>
  Promise.reject(providerMissing("@tensorflow/tfjs-node", "the backend tensorflow, which browsers don't have,", []));
