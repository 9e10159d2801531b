/** Errors at the border: what is printed, and which exit code follows. */
import { InfeasibleError, InputError, StrataError } from "../src/errors.ts";
import { paint } from "./style.ts";

/** Bad usage: what yargs refuses. */
export class UsageError extends Error {}
/** The user pressed Ctrl-C. */
export class Interrupted extends Error {}

export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return 130;
  if (error instanceof InfeasibleError) return 1;
  if (error instanceof InputError || error instanceof UsageError) return 2;
  return 3;
}

/** Prints an error to stderr; with `json`, one JSON document instead of prose. */
export function printError(error: unknown, json: boolean): void {
  if (error instanceof Interrupted) {
    process.stderr.write("interrupted\n");
    return;
  }
  if (error instanceof StrataError) {
    process.stderr.write(json ? `${JSON.stringify({ error: error.toJSON() })}\n` : `${paint.error(error.format())}\n`);
    return;
  }
  if (error instanceof UsageError) {
    process.stderr.write(
      json
        ? `${JSON.stringify({ error: { kind: "UsageError", code: "usage", message: error.message } })}\n`
        : `${paint.error(`error[usage]: ${error.message}`)}\n`,
    );
    return;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    json
      ? `${JSON.stringify({ error: { kind: "InternalError", code: "internal", message: text } })}\n`
      : `${paint.error("error[internal]: this is a bug in Strata; please report it with the command and the model")}\n${text}\n`,
  );
}
