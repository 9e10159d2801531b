import { required, text, texts, type Command } from "../command.ts";
import { readBytes, writeWhole } from "../files.ts";

export const optCommand: Command = {
  command: "opt <file>",
  describe: "run passes on textual IR and print what comes out",
  examples: [
    ["$0 opt graph.strata --pass channels-last", "one pass"],
    ["$0 opt program.strata", "no pass: check and format"],
  ],
  options: (yargs) =>
    yargs
      .positional("file", { type: "string", demandOption: true, describe: "textual IR, or - for standard input" })
      .option("pass", { type: "string", array: true, describe: "pass to run, in order; may stand several times" })
      .option("target", { type: "string", default: "tfjs-wasm", describe: "target for lowering" })
      .option("output", { alias: "o", type: "string", default: "-", describe: "file to write" }),
  async run(flags) {
    const { parseIr } = await import("../../src/ir/parse.ts");
    const { printGraph, printProgram } = await import("../../src/ir/print.ts");
    const { checkIr } = await import("../../src/ir/check.ts");
    const { malformedText, wrongStage, broken, invalidFlag } = await import("../../src/errors.ts");
    const { passByName } = await import("../../passes/registry.ts");
    const { lower } = await import("../../passes/lower.ts");
    const { loadTarget } = await import("../../src/target/index.ts");
    let ir = parseIr(new TextDecoder().decode(await readBytes(required(flags, "file"))));
    const fault = checkIr(ir);
    if (fault !== undefined) throw malformedText(1, fault);
    for (const name of texts(flags, "pass")) {
      const pass = passByName(name);
      if (pass.from !== ir.stage) throw wrongStage(name, pass.from, ir.stage);
      if (ir.stage === "graph") {
        if (pass.graph === undefined && pass.name !== "lower")
          throw invalidFlag("--pass", name, "this pass needs the GPU's kernels, which only compile gives it");
        ir = pass.graph === undefined ? lower(ir, loadTarget(text(flags, "target") ?? "tfjs-wasm")) : pass.graph(ir);
      } else if (pass.program === undefined) throw wrongStage(name, "plan", ir.stage);
      else ir = pass.program(ir);
      const after = checkIr(ir);
      if (after !== undefined) throw broken(`after ${name}: ${after}`);
    }
    await writeWhole(required(flags, "output"), ir.stage === "graph" ? printGraph(ir) : printProgram(ir));
    return 0;
  },
};
