import { extname } from "node:path";
import { required, text, texts, type Command } from "../command.ts";
import { readBytes, writeWhole } from "../files.ts";

export const reportCommand: Command = {
  command: "report <plans..>",
  describe: "draw a memory over a plan: address against step, what is fetched and stored, the time of each step",
  examples: [
    ["$0 report plan.json -o memory.svg", "the fast memory of a mapped plan, or that of the activations"],
    ["$0 report a.json b.json -o both.png --memory arena", "two plans one above the other, as PNG"],
  ],
  options: (yargs) =>
    yargs
      .positional("plans", {
        type: "string",
        array: true,
        demandOption: true,
        describe: "one or two plan files, or - for standard input",
      })
      .option("output", {
        alias: "o",
        type: "string",
        demandOption: true,
        describe: "picture to write: .svg, or .png (with @resvg/resvg-js); - is SVG on standard output",
      })
      .option("memory", { type: "string", describe: "memory to draw" }),
  async run(flags) {
    const { invalidFlag, invalidTarget } = await import("../../src/errors.ts");
    const { readPlan } = await import("../../src/plan/read.ts");
    const { verify } = await import("../../src/plan/verify.ts");
    const { planRejected } = await import("../../src/errors.ts");
    const { memoryPicture, pictureMemory } = await import("../../src/report/memory-picture.ts");
    const output = required(flags, "output");
    const kind = output === "-" ? ".svg" : extname(output).toLowerCase();
    if (kind === ".html") throw invalidFlag("--output", output, "there is no HTML report yet: write .svg or .png");
    if (kind !== ".svg" && kind !== ".png")
      throw invalidFlag("--output", output, "expected a name that ends in .svg or .png");
    const files = texts(flags, "plans");
    if (files.length > 2) throw invalidFlag("plans", files.join(" "), "one or two plans can be compared");
    const memory = text(flags, "memory");
    const plans = await Promise.all(files.map(async (file) => readPlan(await readBytes(file))));
    for (const plan of plans) {
      // What breaks a rule could be drawn anywhere.
      const violations = verify(plan);
      if (violations.length > 0) throw planRejected(violations);
      const shown = pictureMemory(plan, { memory });
      if (!plan.target.memories.some(({ name }) => name === shown))
        throw invalidTarget(
          plan.target.name,
          `it has no memory '${shown}'; it has ${plan.target.memories.map(({ name }) => name).join(", ")}`,
        );
    }
    const svg = memoryPicture(plans, { memory });
    const { renderPng } = await import("../../src/report/png.ts");
    await writeWhole(output, kind === ".png" ? await renderPng(svg) : svg);
    return 0;
  },
};
