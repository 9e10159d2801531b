/** Random programs of any size: chains with skips, weights, and now and then a branch. */
import { seededRandom } from "../src/solve/random.ts";
import type { MappingAccess, MappingInstruction, MappingProblem, MappingValue } from "../src/solve/mapping/types.ts";

export interface RandomProgram {
  readonly operators: number;
  readonly seed: number;
}

const MIB = 2 ** 20;

/** Sizes, intensities and reuse distances as convolutional and transformer graphs have them, 16 MiB of fast memory. */
export function randomProgram({ operators, seed }: RandomProgram): MappingProblem {
  const random = seededRandom(seed);
  const values: MappingValue[] = [];
  const value = (bytes: number, mustEndSlow = false): number => values.push({ bytes, mustEndSlow }) - 1;
  const size = (): number => 1024 * Math.ceil(64 * 2 ** (random() * 7));
  const read = (v: number): MappingAccess => ({ value: v, kind: "read", readBytes: values[v]!.bytes, writeBytes: 0 });
  let width = size();
  const recent = [value(width)];
  const instructions: MappingInstruction[] = [];
  for (let i = 0; i < operators; i++) {
    if (random() < 0.1) width = size();
    const inputs = new Set([recent.at(-1)!]);
    if (random() < 0.3) inputs.add(recent[Math.max(0, recent.length - 2 - Math.floor(random() * random() * 30))]!);
    const accesses = [...inputs].map(read);
    if (random() < 0.5) accesses.push(read(value(size())));
    const out = value(width, i === operators - 1 || random() < 0.02);
    accesses.push({ value: out, kind: "write", readBytes: 0, writeBytes: width });
    recent.push(out);
    const bytes = accesses.reduce((sum, access) => sum + access.readBytes + access.writeBytes, 0);
    instructions.push({
      // From memory-bound to compute-bound.
      computeSeconds: (bytes / 614e9) * 2 ** (3 * random() - 2.5),
      fixedSeconds: 1e-6,
      scopedBytes: 0,
      accesses,
    });
  }
  return {
    hardware: {
      fastBytes: 16 * MIB,
      alignment: 256,
      slowBytesPerSecond: 614e9,
      fastReadBytesPerSecond: 2700e9,
      fastWriteBytesPerSecond: 2700e9,
      slowDirect: true,
    },
    values,
    instructions,
  };
}
