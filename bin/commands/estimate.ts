import { compileFromFlags, compileOptions } from "../compile-flags.ts";
import { isSet, required, type Command } from "../command.ts";

export const estimateCommand: Command = {
  command: "estimate <model>",
  describe: "will it fit? without weights and without running",
  examples: [["$0 estimate llama7b.onnx --target rtx-4090", "peak by memory, and what is live there"]],
  options: (yargs) =>
    compileOptions(yargs).positional("model", {
      type: "string",
      demandOption: true,
      describe: "ONNX file, or - for standard input",
    }),
  async run(flags) {
    const { loadTarget } = await import("../../src/target/index.ts");
    const { peakOf } = await import("../../src/report/peak.ts");
    const { formatTable } = await import("../../src/report/table.ts");
    const { formatBytes } = await import("../../src/report/bytes.ts");
    const { unlimited, limitsOf } = await import("../estimate.ts");
    // Planned without limits, so that what does not fit still gets a figure.
    const { limits, flags: open } = unlimited(
      flags,
      String(flags["target"]).endsWith(".json") ? undefined : loadTarget(String(flags["target"])),
    );
    const { plan } = await compileFromFlags(required(flags, "model"), open);
    const capacity = limitsOf(plan, limits);
    const fits = Object.fromEntries(
      plan.target.memories.map(({ name }) => [
        name,
        (plan.summary.peakBytes[name] ?? 0) <= (capacity.get(name) ?? Infinity),
      ]),
    );
    const peak = peakOf(plan, plan.target.arenaMemory);
    const atPeak = peak.live.map(({ name, bytes }) => ({ name, bytes }));
    const { peakBytes, weightsBytes, arenaBytes } = plan.summary;
    if (isSet(flags, "json"))
      process.stdout.write(`${JSON.stringify({ peakBytes, weightsBytes, fits, atPeak, arenaBytes })}\n`);
    else {
      const lines = [
        `${plan.model.name} on ${plan.target.name}: weights ${formatBytes(weightsBytes)}, activations ${formatBytes(arenaBytes)}`,
        ...formatTable(
          plan.target.memories.filter(({ name }) => (peakBytes[name] ?? 0) > 0),
          [
            { title: "memory", cell: ({ name }) => name },
            { title: "needs", right: true, cell: ({ name }) => formatBytes(peakBytes[name] ?? 0) },
            { title: "has", right: true, cell: ({ name }) => formatBytes(capacity.get(name) ?? 0) },
            { title: "fits", cell: ({ name }) => (fits[name] === true ? "yes" : "NO") },
          ],
        ),
        `live at the peak, step ${peak.step ?? 0}:`,
        ...formatTable(peak.live.slice(0, 10), [
          { title: "value", cell: (row) => row.name },
          { title: "size", right: true, cell: (row) => formatBytes(row.bytes) },
        ]),
        "counts planned values and weights; not what the runtime itself holds",
      ];
      process.stdout.write(`${lines.join("\n")}\n`);
    }
    return Object.values(fits).every(Boolean) ? 0 : 1;
  },
};
