/** The models of the runtime's benchmark: generated families at small sizes, ONNX's light models, tiny PyTorch exports. */
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { generateModel } from "../../models/index.ts";
import { readTensors } from "../../src/conformance/cases.ts";
import { bindings, DATA } from "../real-graphs.ts";
import { compile, readModel, type Model, type Plan, type Tensor } from "../../src/index.ts";
import { importModel } from "../../src/onnx/import.ts";
import { constantReader, trialInput } from "../../src/runtime/index.ts";

export interface BenchModel {
  readonly name: string;
  /** A file, or the bytes of a generated one. */
  readonly file: () => string | Uint8Array;
  /** Folder of recorded inputs, that bind what the model leaves open. */
  readonly recorded?: string;
  /** So few operations a dispatch that launching them is what takes the time. */
  readonly launchBound?: boolean;
}

export interface Prepared {
  readonly model: Model;
  readonly plan: Plan;
  readonly inputs: readonly Tensor[];
  readonly constant: (name: string) => Uint8Array;
}

const generated = (
  name: string,
  family: string,
  options: Readonly<Record<string, number | string>>,
  launchBound = false,
): BenchModel => ({ name, file: () => generateModel(family, options), launchBound });

/** Generated families at sizes that software devices run too. */
export const FAMILIES: readonly BenchModel[] = [
  generated("bert-tiny", "bert", { preset: "tiny", sequence: 32, vocab: 1000 }, true),
  generated("mobilenet-v2", "mobilenet-v2", { image: 96, multiplier: 0.35, classes: 100 }, true),
  generated("gpt2-decode", "gpt2", { layers: 4, hidden: 128, heads: 4, vocab: 1000, sequence: 1, past: 31 }, true),
  generated("llama-decode", "llama", { preset: "tiny", sequence: 1, past: 31 }, true),
  generated("resnet", "resnet", { depth: 18, image: 64, width: 16, classes: 100 }),
  generated("vgg", "vgg", { image: 32, width: 8, classes: 10, hidden: 32 }),
  generated("unet", "unet", { levels: 2, width: 8, image: 32 }),
  generated("gpt2", "gpt2", { preset: "tiny", vocab: 1000, sequence: 32 }),
  generated("llama", "llama", { preset: "tiny", sequence: 16 }),
  generated("moe", "moe", { hidden: 32, inner: 48, experts: 4, sequence: 8 }),
  generated("sd-unet-block", "sd-unet-block", { channels: 32, size: 8, heads: 2, context: 24, tokens: 5, groups: 4 }),
];

/** Those of the memory bar. */
export const LARGE: readonly BenchModel[] = [
  generated("resnet-50", "resnet", { depth: 50 }),
  generated("resnet-50, batch 4", "resnet", { depth: 50, batch: 4 }),
  // Dawn's null device, on which bytes are counted, has 512 MiB: too little for all 12 layers.
  generated("bert-base, 6 layers", "bert", { preset: "base", layers: 6, sequence: 128 }),
];

const named = (folder: string, wanted: RegExp): BenchModel[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((file) => wanted.test(file))
        .sort()
        .map((file) => {
          const name = basename(file, ".onnx");
          const recorded = join(folder, `${name}_data`, "test_data_set_0");
          return { name, file: () => join(folder, file), ...(existsSync(recorded) ? { recorded } : {}) };
        })
    : [];

/** Real graphs, where the test data is there. */
export const recordedModels = (): readonly BenchModel[] => [
  ...named(join(DATA, "models", "exported"), /_tiny(_dynamo|_ts)?\.onnx$/),
  ...named(join(DATA, "light"), /\.onnx$/),
];

/** Compiles a model for a target, with inputs for it: recorded ones where there are some. */
export async function prepare(bench: BenchModel, target: string, half?: "weights" | "all"): Promise<Prepared> {
  const model = await readModel(bench.file());
  const given = bench.recorded === undefined ? [] : await readTensors(bench.recorded, "input");
  const { plan } = await compile(model, { ...bindings(bench.name, model, given), target, half });
  const inputs = plan.inputs.map((id, i) => {
    const tensor = given[i];
    return tensor ? { ...tensor, shape: plan.values[id]!.shape } : trialInput(plan, i, 0);
  });
  const { constants } = importModel(model, {
    dims: new Map(Object.entries(plan.model.dims)),
    shapes: new Map(plan.inputs.map((id) => [plan.values[id]!.name, plan.values[id]!.shape])),
  });
  return { model, plan, inputs, constant: constantReader(constants) };
}
