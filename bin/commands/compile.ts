import { compileFromFlags, compileOptions } from "../compile-flags.ts";
import { isSet, required, text, type Command } from "../command.ts";
import { writeWhole } from "../files.ts";
import { stopRequested } from "../thread.ts";

export const compileCommand: Command = {
  command: "compile <model>",
  describe: "plan a model's memory and write the plan as JSON",
  examples: [
    ["$0 compile resnet50.onnx -o plan.json", "a plan for TensorFlow.js WebAssembly"],
    [
      "$0 compile bert.onnx --dim batch=8 --dim sequence=128 --target a100-40gb -o plan.json",
      "symbolic dims bound, another machine",
    ],
    [
      "$0 compile resnet50.onnx --target tpu-v4i --pass map-memory -o plan.json",
      "values mapped to a fast and a slow memory, with copies beside the steps",
    ],
  ],
  options: (yargs) =>
    compileOptions(yargs)
      .positional("model", { type: "string", demandOption: true, describe: "ONNX file, or - for standard input" })
      .option("output", { alias: "o", type: "string", describe: "plan file to write, or - for standard output" })
      .option("emit-ir", {
        type: "string",
        choices: ["graph", "program"],
        describe: "print this stage's textual IR instead of a summary",
      }),
  async run(flags) {
    const { mappingFigures, summaryLine } = await import("../../src/report/summary.ts");
    const { writePlan } = await import("../../src/plan/write.ts");
    const start = performance.now();
    const { plan, graph, program } = await compileFromFlags(required(flags, "model"), flags);
    const seconds = (performance.now() - start) / 1000;
    const output = text(flags, "output");
    if (output !== undefined) await writeWhole(output, writePlan(plan));
    const emit = text(flags, "emit-ir");
    if (emit !== undefined) {
      const { printGraph, printProgram } = await import("../../src/ir/print.ts");
      process.stdout.write(emit === "graph" ? printGraph(graph) : printProgram(program));
    } else if (output === "-") process.stderr.write(`${summaryLine(plan, seconds)}\n`);
    else if (isSet(flags, "json"))
      process.stdout.write(`${JSON.stringify({ ...plan.summary, ...mappingFigures(plan) })}\n`);
    else process.stdout.write(`${summaryLine(plan, seconds)}\n`);
    return stopRequested() ? 130 : 0;
  },
};
