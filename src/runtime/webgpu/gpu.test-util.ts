/** Whether this process has a GPU for tests, in software or not; says why where it has none. */
import { StrataError } from "../../errors.ts";
import { sharedDevice } from "./executor.ts";

/** The reason why there is no device, or undefined where there is one. */
export async function noDevice(): Promise<string | undefined> {
  try {
    await sharedDevice();
    return undefined;
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
    return error.message;
  }
}
