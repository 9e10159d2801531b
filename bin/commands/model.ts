import { required, texts, isSet, type Command } from "../command.ts";
import { writeWhole } from "../files.ts";
import { pairs } from "../pairs.ts";

export const modelCommand: Command = {
  command: "model [name]",
  describe: "generate a real architecture as ONNX, with seeded weights or shapes only",
  examples: [
    ["$0 model", "list the architectures and their options"],
    ["$0 model resnet --opt depth=50 -o resnet50.onnx", "ResNet-50 with seeded weights"],
    ["$0 model llama --opt preset=7b --opt weights=none -o llama7b.onnx", "a 7B graph in a small file"],
  ],
  options: (yargs) =>
    yargs
      .positional("name", { type: "string", describe: "architecture" })
      .option("opt", { type: "string", array: true, describe: "option of the architecture: NAME=VALUE" })
      .option("output", { alias: "o", type: "string", describe: "file to write, or - for standard output" }),
  async run(flags) {
    const { generateModel, modelFamilies } = await import("../../models/index.ts");
    if (flags["name"] === undefined) {
      const families = modelFamilies();
      if (isSet(flags, "json")) process.stdout.write(`${JSON.stringify(families)}\n`);
      else {
        for (const family of families) {
          process.stdout.write(`${family.name}: ${family.summary}\n`);
          for (const option of family.options)
            process.stdout.write(`  ${option.name}=${String(option.default)}  ${option.description}\n`);
        }
      }
      return 0;
    }
    const { UsageError } = await import("../failure.ts");
    if (flags["output"] === undefined) throw new UsageError("name the file to write with -o");
    const bytes = generateModel(required(flags, "name"), Object.fromEntries(pairs("--opt", texts(flags, "opt"))));
    await writeWhole(required(flags, "output"), bytes);
    if (flags["output"] !== "-")
      process.stderr.write(`wrote ${required(flags, "output")}, ${bytes.byteLength} bytes\n`);
    return 0;
  },
};
