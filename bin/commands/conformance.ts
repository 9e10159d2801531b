import { isSet, required, text, type Command } from "../command.ts";
import { Interrupted } from "../failure.ts";
import { interruptSignal } from "../interrupt.ts";
import { progressLine } from "../progress.ts";

export const conformanceCommand: Command = {
  command: "conformance <dir>",
  describe: "run ONNX backend test folders (model.onnx, test_data_set_*) and compare with their outputs",
  examples: [
    ["$0 conformance onnx/backend/test/data/node --backend cpu", "what passes, what is refused and why, what is wrong"],
  ],
  options: (yargs) =>
    yargs
      .positional("dir", { type: "string", demandOption: true, describe: "one case, or a folder of cases" })
      .option("backend", {
        type: "string",
        choices: ["webgpu", "wasm", "cpu", "tensorflow"],
        default: "wasm",
        describe: "executor",
      })
      .option("rtol", { type: "number", describe: "relative tolerance (default 1e-3)" })
      .option("atol", { type: "number", describe: "absolute tolerance (default 1e-5; 1e-4 for Fourier transforms)" }),
  async run(flags) {
    const { runConformance } = await import("../../src/conformance/run.ts");
    const { existsSync } = await import("node:fs");
    const { fileUnreadable } = await import("../../src/errors.ts");
    const folder = required(flags, "dir");
    if (!existsSync(folder)) throw fileUnreadable(folder, "there is no such folder");
    const progress = progressLine();
    const interrupt = interruptSignal();
    const rtol = flags["rtol"];
    const atol = flags["atol"];
    const report = await runConformance(folder, text(flags, "backend") ?? "wasm", {
      signal: interrupt.signal,
      progress: (done, total) => progress.update(`${done} of ${total} cases`),
      ...(typeof rtol === "number" || typeof atol === "number"
        ? { tolerance: { rtol: Number(rtol ?? 1e-3), atol: Number(atol ?? 1e-5) } }
        : {}),
    });
    progress.done();
    interrupt.dispose();
    if (isSet(flags, "json")) process.stdout.write(`${JSON.stringify(report)}\n`);
    else {
      for (const { name, code, message } of report.refused)
        process.stdout.write(`refused ${name}: ${code}: ${message}\n`);
      for (const { name, message } of report.failed) process.stdout.write(`FAILED  ${name}: ${message}\n`);
      const percent = report.total === 0 ? 0 : (100 * report.passed.length) / report.total;
      process.stdout.write(
        `${report.passed.length} of ${report.total} passed (${percent.toFixed(1)}%), ${report.refused.length} refused, ${report.failed.length} failed\n`,
      );
    }
    if (interrupt.signal.aborted) throw new Interrupted();
    return report.failed.length === 0 ? 0 : 1;
  },
};
