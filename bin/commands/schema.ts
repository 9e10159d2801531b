import type { Command } from "../command.ts";

export const schemaCommand: Command = {
  command: "schema",
  describe: "print the JSON Schema of plans",
  examples: [["$0 schema > plan.schema.json", "the schema, for editors and validators"]],
  options: (yargs) => yargs,
  async run() {
    const { planJsonSchema } = await import("../../src/plan/schema.ts");
    process.stdout.write(`${JSON.stringify(planJsonSchema(), null, 2)}\n`);
    return 0;
  },
};
