import { isSet, type Command } from "../command.ts";

export const targetsCommand: Command = {
  command: "targets [name]",
  describe: "list the machines that plans can be made for, or print one as JSON",
  examples: [["$0 targets a100-40gb", "the target's figures, with their sources"]],
  options: (yargs) => yargs.positional("name", { type: "string", describe: "one target" }),
  async run(flags) {
    const { builtinTargets, loadTarget } = await import("../../src/target/index.ts");
    const { formatTable } = await import("../../src/report/table.ts");
    const { formatBytes } = await import("../../src/report/bytes.ts");
    if (flags["name"] !== undefined) {
      process.stdout.write(`${JSON.stringify(loadTarget(String(flags["name"])), null, 2)}\n`);
      return 0;
    }
    const targets = builtinTargets();
    if (isSet(flags, "json")) {
      process.stdout.write(`${JSON.stringify(targets)}\n`);
      return 0;
    }
    const lines = formatTable(targets, [
      { title: "target", cell: (target) => target.name },
      { title: "executor", cell: (target) => target.executor },
      {
        title: "memories",
        cell: (target) => target.memories.map((memory) => `${memory.name} ${formatBytes(memory.bytes)}`).join(", "),
      },
      { title: "FLOP/s", right: true, cell: (target) => target.flopsPerSecond.toExponential(1) },
    ]);
    process.stdout.write(`${lines.join("\n")}\n`);
    return 0;
  },
};
