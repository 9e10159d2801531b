import { isSet, required, type Command } from "../command.ts";
import { readBytes } from "../files.ts";

export const verifyCommand: Command = {
  command: "verify <plan>",
  describe: "check a plan by code that knows nothing of the passes",
  examples: [
    ["$0 verify plan.json", "exit code 0 when every rule holds, 1 when one does not"],
    ["$0 verify plan.json --deep", "also execute the placements on tagged shadow memory"],
  ],
  options: (yargs) =>
    yargs
      .positional("plan", { type: "string", demandOption: true, describe: "plan file, or - for standard input" })
      .option("deep", { type: "boolean", default: false, describe: "also run the byte-level simulator" }),
  async run(flags) {
    const { readPlan } = await import("../../src/plan/read.ts");
    const { verify } = await import("../../src/plan/verify.ts");
    const plan = readPlan(await readBytes(required(flags, "plan")));
    const violations = verify(plan);
    if (isSet(flags, "deep")) {
      const { simulate } = await import("../../src/plan/simulate.ts");
      violations.push(...simulate(plan));
    }
    if (isSet(flags, "json")) process.stdout.write(`${JSON.stringify({ ok: violations.length === 0, violations })}\n`);
    else if (violations.length === 0)
      process.stdout.write(`ok: ${plan.placements.length} placements, ${plan.steps.length} steps\n`);
    else {
      for (const { code, message } of violations.slice(0, 50)) process.stdout.write(`${code}: ${message}\n`);
      process.stdout.write(`${violations.length} violation(s)\n`);
    }
    return violations.length === 0 ? 0 : 1;
  },
};
