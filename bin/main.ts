/** `main` runs one command line and returns its exit code; it never exits the process. */
import { createRequire } from "node:module";
import { exitCodeOf, printError } from "./failure.ts";

/** Version of the package, read without loading anything else. */
export function version(): string {
  const load = createRequire(import.meta.url);
  for (const path of ["../package.json", "../../package.json"]) {
    try {
      return String((load(path) as { version: unknown }).version);
    } catch {
      continue; // the compiled file lies one folder deeper than the source
    }
  }
  return "unknown";
}

/** Exit codes: 0 done; 1 the answer is no; 2 bad usage or input; 3 our bug; 130 interrupted. */
export async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  const json = argv.includes("--json");
  try {
    const { runCommand } = await import("./cli.ts");
    return await runCommand(argv, version());
  } catch (error) {
    printError(error, json);
    return exitCodeOf(error);
  }
}
