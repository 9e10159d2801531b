import { isSet, type Command } from "../command.ts";

export const passesCommand: Command = {
  command: "passes",
  describe: "list the passes in pipeline order",
  examples: [["$0 passes --json", "names, stages and summaries as JSON"]],
  options: (yargs) => yargs,
  async run(flags) {
    const { PASSES } = await import("../../passes/registry.ts");
    const { formatTable } = await import("../../src/report/table.ts");
    if (isSet(flags, "json")) {
      process.stdout.write(
        `${JSON.stringify(PASSES.map(({ name, summary, from, to, optional }) => ({ name, summary, from, to, optional })))}\n`,
      );
      return 0;
    }
    const lines = formatTable(PASSES, [
      { title: "pass", cell: (pass) => pass.name },
      { title: "from", cell: (pass) => pass.from },
      { title: "to", cell: (pass) => pass.to },
      { title: "optional", cell: (pass) => (pass.optional ? "yes" : "") },
      { title: "what it does", cell: (pass) => pass.summary },
    ]);
    process.stdout.write(`${lines.join("\n")}\n`);
    return 0;
  },
};
