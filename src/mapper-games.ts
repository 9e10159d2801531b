/** Mapping games of real architectures, lowered as the compiler lowers them. */
import { generateModel, type OptionValue } from "../models/index.ts";
import { foldBatchNorm } from "../passes/fold-batch-norm.ts";
import { fuse } from "../passes/fuse.ts";
import { inPlace } from "../passes/in-place.ts";
import { lower } from "../passes/lower.ts";
import { fastMemoryOf, programProblem } from "../passes/map-memory/index.ts";
import { schedule } from "../passes/schedule.ts";
import { importModel } from "./onnx/import.ts";
import { readModel } from "./onnx/read.ts";
import { type NamedGame } from "./runtime/training/train.ts";
import { syntheticGame } from "./runtime/training/synthetic.ts";
import { loadTarget } from "./target/index.ts";

export interface ArchitectureGame {
  readonly family: string;
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly target: string;
  /** Bytes of fast memory instead of the target's. */
  readonly fastBytes?: number;
}

/** The game of a generated model on a target. */
export async function architectureGame(game: ArchitectureGame): Promise<NamedGame> {
  const { graph } = importModel(await readModel(generateModel(game.family, { ...game.options, weights: "none" })), {});
  const target = loadTarget(game.target);
  const program = inPlace(schedule(lower(fuse(foldBatchNorm(graph)), target)));
  const { problem } = programProblem(program, target, fastMemoryOf(target));
  const fastBytes = game.fastBytes ?? problem.hardware.fastBytes;
  const options = Object.entries(game.options).map(([key, value]) => `${key}=${value}`);
  return {
    name: [game.family, ...options, `${Math.round(fastBytes / 2 ** 20)}MiB`].join("/"),
    problem: { ...problem, hardware: { ...problem.hardware, fastBytes } },
  };
}

const MIB = 2 ** 20;
const V4I = "tpu-v4i-16mib";

/** Convolutional networks, small enough to be solved many times. Transformers are what the agents are tested on. */
const CONVOLUTIONAL: readonly ArchitectureGame[] = [
  { family: "alexnet", options: { batch: 8 }, target: V4I },
  { family: "alexnet", options: { batch: 16 }, target: "tpu-v4i" },
  { family: "resnet", options: { depth: 18, batch: 1 }, target: V4I },
  { family: "resnet", options: { depth: 18, batch: 16 }, target: V4I },
  { family: "resnet", options: { depth: 34, batch: 8 }, target: V4I, fastBytes: 8 * MIB },
  { family: "resnet", options: { depth: 18, batch: 32 }, target: "tpu-v4i" },
  { family: "vgg", options: { depth: 11, batch: 1 }, target: V4I },
  { family: "vgg", options: { depth: 16, batch: 4 }, target: "tpu-v4i", fastBytes: 32 * MIB },
  { family: "mobilenet-v2", options: { batch: 1 }, target: V4I, fastBytes: 2 * MIB },
  { family: "mobilenet-v2", options: { batch: 8 }, target: V4I },
  { family: "unet", options: { levels: 3, batch: 1 }, target: V4I },
  { family: "unet", options: { levels: 3, batch: 2 }, target: "tpu-v4i" },
];

/** What the network is trained on: `random` random programs and convolutional networks. */
export async function trainingGames(random: number): Promise<NamedGame[]> {
  const games: NamedGame[] = [];
  for (let k = 0; k < random; k++) games.push({ name: `random-${k}`, problem: syntheticGame(k) });
  for (const game of CONVOLUTIONAL) games.push(await architectureGame(game));
  return games;
}

/** Families that no training sees. */
const TRANSFORMERS: readonly ArchitectureGame[] = [
  { family: "bert", options: { layers: 2, batch: 1, sequence: 128 }, target: V4I },
  { family: "bert", options: { layers: 2, batch: 8, sequence: 384 }, target: V4I },
  { family: "bert", options: { layers: 4, batch: 4, sequence: 128 }, target: V4I, fastBytes: 8 * MIB },
  { family: "bert", options: { layers: 4, batch: 8, sequence: 384 }, target: "tpu-v4i" },
  { family: "gpt2", options: { layers: 2, batch: 1, sequence: 128 }, target: V4I },
  { family: "gpt2", options: { layers: 4, batch: 4, sequence: 256 }, target: V4I },
  { family: "llama", options: { preset: "1b", layers: 1, sequence: 128 }, target: V4I },
  { family: "llama", options: { preset: "1b", layers: 2, batch: 4, sequence: 256 }, target: "tpu-v4i" },
  { family: "moe", options: { batch: 1 }, target: V4I },
  { family: "moe", options: { batch: 8 }, target: V4I, fastBytes: 8 * MIB },
  { family: "sd-unet-block", options: {}, target: V4I },
];

/** What the agents are tested on: transformers. */
export async function heldOutGames(): Promise<NamedGame[]> {
  const games: NamedGame[] = [];
  for (const game of TRANSFORMERS) games.push(await architectureGame(game));
  return games;
}

/** Random programs that are only looked at while training. */
export const validationGames = (): NamedGame[] =>
  Array.from({ length: 16 }, (_, k) => ({ name: `validation-${k}`, problem: syntheticGame(1_000_000 + k) }));
