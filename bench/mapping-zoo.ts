/** The instances of `npm run bench:mapping`: real architectures, lowered as the compiler lowers them. */
import { generateModel, type OptionValue } from "../models/index.ts";
import { foldBatchNorm, fuse, inPlace, lower, schedule } from "../passes/index.ts";
import { fastMemoryOf, programProblem } from "../passes/map-memory/index.ts";
import type { MappingProblem } from "../src/solve/mapping/index.ts";
import { importModel } from "../src/onnx/import.ts";
import { readModel } from "../src/onnx/read.ts";
import { loadTarget } from "../src/target/index.ts";

interface Entry {
  readonly name: string;
  readonly family: string;
  readonly options: Readonly<Record<string, OptionValue>>;
}

const ZOO: readonly Entry[] = [
  { name: "alexnet", family: "alexnet", options: {} },
  { name: "vgg19", family: "vgg", options: { depth: 19 } },
  { name: "resnet50", family: "resnet", options: { depth: 50 } },
  { name: "densenet121", family: "densenet", options: { depth: 121 } },
  { name: "mobilenet-v2", family: "mobilenet-v2", options: {} },
  { name: "bert-base", family: "bert", options: { preset: "base" } },
  { name: "gpt2", family: "gpt2", options: { preset: "small" } },
  { name: "llama-block", family: "llama", options: { preset: "1b", layers: 1 } },
  { name: "unet", family: "unet", options: {} },
  { name: "moe", family: "moe", options: {} },
];

const BATCHES: readonly number[] = [1, 8, 64];
const TARGETS: readonly (readonly [label: string, target: string])[] = [
  ["128M", "tpu-v4i"],
  ["16M", "tpu-v4i-16mib"],
];

export interface ZooInstance {
  /** Model, batch and fast memory: resnet50/b8/16M. */
  readonly name: string;
  readonly problem: MappingProblem;
}

/** Instances whose name contains one of `only`, all where it is empty; made one at a time. */
export async function* zooInstances(only: readonly string[]): AsyncGenerator<ZooInstance> {
  for (const { name, family, options } of ZOO) {
    for (const batch of BATCHES) {
      const wanted = TARGETS.map(([label, target]) => ({ name: `${name}/b${batch}/${label}`, target })).filter(
        (instance) => only.length === 0 || only.some((part) => instance.name.includes(part)),
      );
      if (wanted.length === 0) continue;
      const model = await readModel(generateModel(family, { ...options, batch, weights: "none" }));
      const { graph } = importModel(model, {});
      for (const instance of wanted) {
        const target = loadTarget(instance.target);
        const program = inPlace(schedule(lower(fuse(foldBatchNorm(graph)), target)));
        yield { name: instance.name, problem: programProblem(program, target, fastMemoryOf(target)).problem };
      }
    }
  }
}
