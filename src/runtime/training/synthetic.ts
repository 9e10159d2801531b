/** Random programs to learn from: chains with skips, weights, and compute of any intensity. */
import { seededRandom } from "../../solve/random.ts";
import type { MappingAccess, MappingInstruction, MappingProblem, MappingValue } from "../../solve/mapping/types.ts";

const KIB = 1024;

/** A program of 6 to 60 instructions, the same for the same seed. */
export function syntheticGame(seed: number): MappingProblem {
  const random = seededRandom(seed);
  const between = (low: number, high: number): number => low * (high / low) ** random();
  const whole = (low: number, high: number): number => Math.floor(low + random() * (high - low + 1));
  const count = whole(6, 60);
  const bandwidth = 600e9;
  const ratio = between(2, 8);
  const skips = random() * 0.5;
  const weighty = random();
  const base = between(16 * KIB, 4096 * KIB);
  const weightBase = base * between(0.1, 10);
  const intensity = between(0.1, 3);
  const values: MappingValue[] = [];
  const instructions: MappingInstruction[] = [];
  const add = (bytes: number): number => values.push({ bytes: Math.ceil(bytes / 64) * 64, mustEndSlow: false }) - 1;
  const made: number[] = [add(base)];
  let live = base;
  for (let i = 0; i < count; i++) {
    const reads = new Set([made.at(-1)!]);
    if (random() < skips) reads.add(made[Math.max(0, made.length - whole(2, 12))]!);
    if (random() < weighty) reads.add(add(weightBase * between(0.2, 5)));
    const accesses: MappingAccess[] = [...reads].map((value) => ({
      value,
      kind: "read",
      readBytes: values[value]!.bytes,
      writeBytes: 0,
    }));
    if (random() < 0.08) {
      const { value, readBytes } = accesses[0]!;
      accesses[0] = { value, kind: "update", readBytes, writeBytes: readBytes };
    }
    if (accesses[0]!.kind !== "update" || random() < 0.5) {
      const value = add(base * between(0.25, 4));
      accesses.push({ value, kind: "write", readBytes: 0, writeBytes: values[value]!.bytes });
      made.push(value);
    }
    const bytes = accesses.reduce((sum, access) => sum + access.readBytes + access.writeBytes, 0);
    live = Math.max(live, bytes);
    instructions.push({
      computeSeconds: (bytes / bandwidth) * intensity * between(0.2, 5),
      fixedSeconds: 0,
      scopedBytes: 0,
      accesses,
    });
  }
  const last = made.at(-1)!;
  return {
    hardware: {
      fastBytes: Math.ceil((live * between(0.3, 6)) / 64) * 64,
      alignment: 64,
      slowBytesPerSecond: bandwidth,
      fastReadBytesPerSecond: bandwidth * ratio,
      fastWriteBytesPerSecond: bandwidth * ratio,
      slowDirect: true,
    },
    values: values.map((value, k) => (k === last || random() < 0.03 ? { ...value, mustEndSlow: true } : value)),
    instructions,
  };
}
