/** The yargs wiring: verbs, common flags, and refusals as UsageError. */
import yargs from "yargs";
import { UsageError } from "./failure.ts";
import type { Command, Flags } from "./command.ts";

/** In the order of `strata --help`. */
const VERBS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ["compile", async () => (await import("./commands/compile.ts")).compileCommand],
  ["inspect", async () => (await import("./commands/inspect.ts")).inspectCommand],
  ["verify", async () => (await import("./commands/verify.ts")).verifyCommand],
  ["run", async () => (await import("./commands/run.ts")).runCommand],
  ["report", async () => (await import("./commands/report.ts")).reportCommand],
  ["estimate", async () => (await import("./commands/estimate.ts")).estimateCommand],
  ["conformance", async () => (await import("./commands/conformance.ts")).conformanceCommand],
  ["map", async () => (await import("./commands/map.ts")).mapCommand],
  ["pack", async () => (await import("./commands/pack.ts")).packCommand],
  ["model", async () => (await import("./commands/model.ts")).modelCommand],
  ["opt", async () => (await import("./commands/opt.ts")).optCommand],
  ["passes", async () => (await import("./commands/passes.ts")).passesCommand],
  ["targets", async () => (await import("./commands/targets.ts")).targetsCommand],
  ["calibrate", async () => (await import("./commands/calibrate.ts")).calibrateCommand],
  ["train-mapper", async () => (await import("./commands/train-mapper.ts")).trainMapperCommand],
  ["schema", async () => (await import("./commands/schema.ts")).schemaCommand],
]);

/** A verb needs no other; help, completion and typing errors need all. */
const commandsFor = (word: string | undefined): Promise<Command[]> => {
  const verb = VERBS.get(word ?? "");
  return Promise.all((verb === undefined ? [...VERBS.values()] : [verb]).map((load) => load()));
};

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
  for (const command of await commandsFor(argv[0])) {
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
 * yargs renders the help of every command that it runs, for a failure that it would report itself, and that takes small
 * commands long. Ours are reported elsewhere.
 */
function keepNoHelp(parser: object): void {
  interface Internals {
    getInternalMethods?(): { getUsageInstance?(): { cacheHelpMessage?: () => void } };
  }
  const usage = (parser as Internals).getInternalMethods?.().getUsageInstance?.();
  if (usage?.cacheHelpMessage !== undefined) usage.cacheHelpMessage = () => undefined;
}
