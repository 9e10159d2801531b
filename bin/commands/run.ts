import { dirname, join } from "node:path";
import { existsSync } from "node:fs";
import { isSet, required, text, texts, type Command } from "../command.ts";
import { readBytes, writeWhole } from "../files.ts";
import { pairs, whole } from "../pairs.ts";
import { paint } from "../style.ts";

export const runCommand: Command = {
  command: "run <plan>",
  describe: "execute a plan on TensorFlow.js, every value at its planned offset",
  examples: [
    ["$0 run plan.json --check", "compare bit for bit with an unplanned run on the same backend"],
    ["$0 run plan.json --input x=photo.npy --output results", "run on your data, write the outputs"],
  ],
  options: (yargs) =>
    yargs
      .positional("plan", { type: "string", demandOption: true, describe: "plan file, or - for standard input" })
      .option("model", { type: "string", describe: "model file (default: the one that the plan names)" })
      .option("external-data", { type: "string", describe: "folder of the model's external data" })
      .option("backend", { type: "string", describe: "webgpu, wasm, cpu or tensorflow (default: the plan's)" })
      .option("input", {
        type: "string",
        array: true,
        describe: "NAME=FILE.npy or NAME=FILE.pb; inputs not given are made up from --seed",
      })
      .option("seed", { type: "string", default: "0", describe: "seed of made-up inputs" })
      .option("output", { type: "string", describe: "folder for the outputs" })
      .option("check", { type: "boolean", default: false, describe: "also run unplanned and compare bit for bit" })
      .option("profile", {
        type: "boolean",
        default: false,
        describe: "time each step, beside what the target predicts",
      })
      .option("trace", {
        type: "string",
        describe: "write the step times as trace events (Perfetto, chrome://tracing)",
      })
      .option("hazards", {
        type: "string",
        choices: ["arena", "banks"],
        default: "arena",
        describe: "webgpu: one buffer a memory, as planned, or up to three, which run a little faster in more bytes",
      })
      .option("repeat", { type: "string", default: "1", describe: "runs; the least time is reported" }),
  async run(flags) {
    const { readPlan } = await import("../../src/plan/read.ts");
    const { executePlan } = await import("../../src/execute.ts");
    const { executorByName } = await import("../../src/runtime/index.ts");
    const { formatBytes, formatSeconds } = await import("../../src/report/bytes.ts");
    const { encodeTensorFile, tensorFileName, decodeTensorFile } = await import("../../src/tensor-file.ts");
    const planPath = required(flags, "plan");
    const plan = readPlan(await readBytes(planPath));
    const inputs = new Map<string, Awaited<ReturnType<typeof decodeTensorFile>>>();
    for (const [name, path] of pairs("--input", texts(flags, "input")))
      inputs.set(name, await decodeTensorFile(path, await readBytes(path)));
    const model = text(flags, "model") ?? findModel(planPath, plan.model.file);
    const backend = text(flags, "backend");
    const externalData = text(flags, "external-data");
    const result = await executePlan(plan, {
      model,
      inputs,
      seed: whole("--seed", required(flags, "seed")),
      check: isSet(flags, "check"),
      repeat: Math.max(1, whole("--repeat", required(flags, "repeat"))),
      hazards: required(flags, "hazards") as "arena" | "banks",
      clock: () => performance.now() / 1000,
      profile: isSet(flags, "profile") || text(flags, "trace") !== undefined,
      ...(backend === undefined ? {} : { backend }),
      ...(externalData === undefined ? {} : { externalData }),
    });
    const trace = text(flags, "trace");
    if (trace !== undefined) {
      const { traceEvents } = await import("../../src/report/trace-events.ts");
      await writeWhole(trace, `${JSON.stringify(traceEvents(plan, result.profile ?? []))}\n`);
    }
    const folder = text(flags, "output");
    if (folder !== undefined) {
      for (const [i, output] of result.outputs.entries())
        await writeWhole(
          join(folder, tensorFileName(i, output.name, output.tensor)),
          await encodeTensorFile(output.name, output.tensor),
        );
    }
    for (const warning of result.warnings) process.stderr.write(`${paint.warning("warning")}: ${warning}\n`);
    for (const name of result.madeUp)
      process.stderr.write(`input ${JSON.stringify(name)}: made up from seed ${required(flags, "seed")}\n`);
    const { backend: used, device, seconds, peakBytes, check } = result;
    if (isSet(flags, "json")) {
      const outputs = result.outputs.map(({ name, tensor, sha256 }) => ({
        name,
        dtype: tensor.dtype,
        shape: tensor.shape,
        sha256,
      }));
      const profile = isSet(flags, "profile") ? { profile: result.profile } : {};
      process.stdout.write(
        `${JSON.stringify({ backend: used, device, seconds, peakBytes, check, outputs, ...profile })}\n`,
      );
    } else {
      process.stdout.write(
        `ran on ${used} (${device}) in ${formatSeconds(seconds)}, ${formatBytes(peakBytes)} for activations and weights\n`,
      );
      for (const { name, tensor, sha256 } of result.outputs)
        process.stdout.write(
          `  ${JSON.stringify(name)} ${tensor.dtype}[${tensor.shape.join(",")}] sha256 ${sha256.slice(0, 16)}\n`,
        );
      if (isSet(flags, "profile") && result.profile !== null) {
        const { formatProfile } = await import("../../src/report/profile.ts");
        process.stdout.write(`${formatProfile(plan, result.profile).join("\n")}\n`);
      }
      if (check !== null)
        process.stdout.write(
          check.equal
            ? "check: bit for bit equal to an unplanned run\n"
            : `check: DIFFERS from an unplanned run, max abs error ${check.maxAbsError}\n`,
        );
    }
    // A GPU device is given back with nothing pending: leaving with work under way crashes some drivers.
    await (await executorByName(used)).close?.();
    return check !== null && !check.equal ? 1 : 0;
  },
};

/** The plan's model file: as it was named, or beside the plan. */
function findModel(plan: string, file: string | null): string | undefined {
  if (file === null) return undefined;
  const beside = join(dirname(plan), file.split(/[\\/]/).at(-1) ?? file);
  return !existsSync(file) && plan !== "-" && existsSync(beside) ? beside : file;
}
