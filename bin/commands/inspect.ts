import { isSet, required, type Command } from "../command.ts";
import { readBytes } from "../files.ts";

export const inspectCommand: Command = {
  command: "inspect <plan>",
  describe: "what a plan holds: sizes, what is live at the peak, where each value lies",
  examples: [
    ["$0 inspect plan.json --peak", "what lives at the peak, largest first"],
    ["$0 inspect plan.json --drops", "for each access of slow memory: the price that made it so"],
    ["$0 inspect plan.json --json", "the summary, the peak and all placements as JSON"],
  ],
  options: (yargs) =>
    yargs
      .positional("plan", { type: "string", demandOption: true, describe: "plan file, or - for standard input" })
      .option("peak", { type: "boolean", default: false, describe: "only what is live at the peak" })
      .option("drops", { type: "boolean", default: false, describe: "why accesses stay in slow memory (mapped plans)" })
      .option("limit", { type: "number", default: 40, describe: "most rows to print" }),
  async run(flags) {
    const { readPlan } = await import("../../src/plan/read.ts");
    const { peakOf, planRows } = await import("../../src/report/peak.ts");
    const { formatTable } = await import("../../src/report/table.ts");
    const { formatBytes, formatSeconds } = await import("../../src/report/bytes.ts");
    const { mappingFigures, summaryLine } = await import("../../src/report/summary.ts");
    const plan = readPlan(await readBytes(required(flags, "plan")));
    const peak = peakOf(plan, plan.target.arenaMemory);
    const { mapping } = plan.certificate;
    const { dropRows, formatDrops } = await import("../../src/report/drops.ts");
    if (isSet(flags, "drops") && mapping === undefined)
      throw (await import("../../src/errors.ts")).notMapped(plan.target.name, "--drops explains");
    if (isSet(flags, "json")) {
      const rows = planRows(plan);
      const mapped =
        mapping === undefined
          ? {}
          : {
              mapping: {
                ...mappingFigures(plan),
                fastMemory: mapping.fastMemory,
                slowMemory: mapping.slowMemory,
                secondsPerByte: mapping.secondsPerByte,
                drops: dropRows(plan),
              },
            };
      process.stdout.write(
        `${JSON.stringify({ model: plan.model, target: plan.target.name, summary: plan.summary, peak, values: rows, ...mapped })}\n`,
      );
      return 0;
    }
    const limit = Number(flags["limit"]);
    if (isSet(flags, "drops") && mapping !== undefined) {
      process.stdout.write(`${[summaryLine(plan), ...formatDrops(plan, mapping, limit)].join("\n")}\n`);
      return 0;
    }
    const lines: string[] = [
      `${plan.model.name} for ${plan.target.name}: ${plan.values.length} values, ${plan.steps.length} steps`,
      `${summaryLine(plan)}; ${formatSeconds(plan.summary.seconds)} a run, simulated on ${plan.target.name}`,
      `counts inputs, outputs, activations and temporaries in '${plan.target.arenaMemory}'; weights (${formatBytes(plan.summary.weightsBytes)}) apart; not what the runtime itself holds`,
      "",
      `live at the peak, ${peak.step === null ? "nowhere" : `step ${peak.step} (${peak.node})`}: ${formatBytes(peak.bytes)} in ${peak.live.length} buffers`,
      ...formatTable(peak.live.slice(0, limit), [
        { title: "value", cell: (row) => row.name },
        { title: "bytes", right: true, cell: (row) => String(row.bytes) },
        { title: "offset", right: true, cell: (row) => String(row.offset) },
        { title: "lifetime", cell: (row) => `[${row.from},${row.to})` },
        { title: "made by", cell: (row) => row.node },
      ]),
    ];
    if (!isSet(flags, "peak")) {
      const rows = planRows(plan);
      lines.push(
        "",
        ...formatTable(rows.slice(0, limit), [
          { title: "value", cell: (row) => row.name },
          { title: "kind", cell: (row) => row.kind },
          { title: "type", cell: (row) => `${row.dtype}[${row.shape.join(",")}]` },
          { title: "bytes", right: true, cell: (row) => String(row.bytes) },
          { title: "at", cell: (row) => `${row.memory}+${row.offset}` },
          { title: "lifetime", cell: (row) => `[${row.from},${row.to})` },
        ]),
      );
      if (rows.length > limit) lines.push(`... ${rows.length - limit} more: --limit ${rows.length}, or --json`);
    }
    process.stdout.write(`${lines.join("\n")}\n`);
    return 0;
  },
};
