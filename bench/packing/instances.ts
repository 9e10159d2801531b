/** Packing problems for the benchmark: recorded ones from files, generated ones from a seed. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { PackingBuffer } from "../../src/solve/packing/index.ts";
import { seededRandom } from "../../src/solve/random.ts";

/** MiniMalloc's challenging instances, with the processor seconds that its C++ took for them at capacity 2^20. */
export const CHALLENGING: readonly (readonly [name: string, peerSeconds: number])[] = [
  ["A", 5.2],
  ["B", 4.1],
  ["C", 0.8],
  ["D", 3.8],
  ["E", 4.0],
  ["F", 5.5],
  ["G", 1.2],
  ["H", 1.6],
  ["I", 3.4],
  ["J", 1.3],
  ["K", 0.63],
];
export const CAPACITY = 1_048_576;

export const REAL = [
  "iree_mobilebert",
  "iree_mobilenet",
  "resnet50.a",
  "bert_base.a",
  "bert_large.a",
  "pangu_2.6B.a",
] as const;

/** The buffers of a file with the columns id, lower, upper, size; undefined where there is no such file. */
export function instance(folder: string, name: string): PackingBuffer[] | undefined {
  const file = join(folder, `${name}.csv`);
  if (!existsSync(file)) return undefined;
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.slice(1).map((line) => {
    const [, lower, upper, size] = line.split(",");
    return { lower: Number(lower), upper: Number(upper), size: Number(size) };
  });
}

/** `count` buffers like those of a training step: short temporaries, activations that wait for their backward pass, weights' states. */
export function trainingStep(count: number, seed: number): PackingBuffer[] {
  const random = seededRandom(seed);
  const sizes = Array.from({ length: 40 }, () => Math.ceil(256 * 2 ** (12 * random())) * 64);
  return Array.from({ length: count }, (_, i) => {
    const kind = random();
    const size = sizes[Math.floor(random() ** 2 * sizes.length)]!;
    // From its forward step to the mirrored backward step.
    if (kind < 0.12 && i < count / 2) return { lower: i, upper: count - i, size };
    if (kind < 0.13) return { lower: i, upper: Math.min(count, i + 2 + Math.floor(random() * count * 0.05)), size };
    return { lower: i, upper: i + 1 + Math.floor(-Math.log(1 - random()) * 6), size };
  });
}

/** Buffers of a layer by layer network with a skip now and then: what nearly every greedy rule packs at the bound. */
export function easy(count: number, seed: number): PackingBuffer[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, i) => ({
    lower: i,
    upper: i + 2 + (random() < 0.15 ? Math.floor(random() * 12) : 0),
    size: 1024 * (1 + Math.floor(random() * 64)),
  }));
}
