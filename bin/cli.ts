/** The yargs wiring: verbs, common flags, and refusals as UsageError. */
import yargs from "yargs";
import { UsageError } from "./failure.ts";
import type { Command, Flags } from "./command.ts";
import { calibrateCommand } from "./commands/calibrate.ts";
import { compileCommand } from "./commands/compile.ts";
import { conformanceCommand } from "./commands/conformance.ts";
import { estimateCommand } from "./commands/estimate.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { mapCommand } from "./commands/map.ts";
import { modelCommand } from "./commands/model.ts";
import { optCommand } from "./commands/opt.ts";
import { packCommand } from "./commands/pack.ts";
import { passesCommand } from "./commands/passes.ts";
import { reportCommand } from "./commands/report.ts";
import { runCommand as runVerb } from "./commands/run.ts";
import { schemaCommand } from "./commands/schema.ts";
import { targetsCommand } from "./commands/targets.ts";
import { trainMapperCommand } from "./commands/train-mapper.ts";
import { verifyCommand } from "./commands/verify.ts";

const COMMANDS: readonly Command[] = [
  compileCommand,
  inspectCommand,
  verifyCommand,
  runVerb,
  reportCommand,
  estimateCommand,
  conformanceCommand,
  mapCommand,
  packCommand,
  modelCommand,
  optCommand,
  passesCommand,
  targetsCommand,
  calibrateCommand,
  trainMapperCommand,
  schemaCommand,
];

/** Stands for a lone dash, which yargs takes for an empty positional; no argument can hold a NUL of its own. */
const DASH = "\0-";

const undashed = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(undashed) : value === DASH ? "-" : value;

/** Parses and runs one command line; resolves to its exit code. Throws UsageError for bad usage. */
export async function runCommand(argv: readonly string[], version: string): Promise<number> {
  let exitCode = 0;
  let parser = yargs(argv.map((word) => (word === "-" ? DASH : word)))
    .scriptName("strata")
    .usage("$0 <command>: plans where every tensor of a model lives, proves it, and runs it")
    .option("json", { type: "boolean", default: false, describe: "print one JSON document on standard output" })
    .option("color", { type: "boolean", default: true, describe: "colour on terminals (NO_COLOR is respected)" })
    .strict()
    .demandCommand(1, "name a command: strata --help lists them")
    .recommendCommands()
    .completion("completion", "print a completion script for bash or zsh")
    .version(version)
    .alias("help", "h")
    .wrap(100)
    .exitProcess(false)
    // Names of tensors hold dots and dashes: they are names, not paths into objects.
    .parserConfiguration({
      "dot-notation": false,
      "camel-case-expansion": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "greedy-arrays": false,
    })
    .fail((message: string | null, error: unknown) => {
      if (error instanceof Error) throw error;
      throw new UsageError(message ?? "bad usage");
    });
  for (const command of COMMANDS) {
    parser = parser.command(
      command.command,
      command.describe,
      (sub) => command.examples.reduce((own, [line, what]) => own.example(line, what), command.options(sub)),
      async (flags) => {
        const given = Object.entries(flags as Flags).map(([name, value]) => [name, undashed(value)] as const);
        exitCode = await command.run(Object.fromEntries(given));
      },
    );
  }
  keepNoHelp(parser);
  await parser.parseAsync();
  return exitCode;
}

/**
 * yargs renders the help of every command that it runs, for a failure that it would report itself: a third of the time that a
 * small command takes. Ours are reported elsewhere.
 */
function keepNoHelp(parser: object): void {
  interface Internals {
    getInternalMethods?(): { getUsageInstance?(): { cacheHelpMessage?: () => void } };
  }
  const usage = (parser as Internals).getInternalMethods?.().getUsageInstance?.();
  if (usage?.cacheHelpMessage !== undefined) usage.cacheHelpMessage = () => undefined;
}
