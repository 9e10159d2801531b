/**
 * MEMO's two levels (arXiv 2407.12117, section 4.2): what is born and dies inside of a block is packed by itself,
 * once for all blocks alike; then each block is one buffer as high as its packing, among those that cross blocks.
 */
import { invalidPacking } from "../../../errors.ts";
import { pack } from "../pack.ts";
import type { PackingBuffer, PackingProblem, PackingResult } from "../types.ts";
import { packByMip, type MipPackingParams } from "./index.ts";

export interface LevelsResult {
  /** Of the whole problem; `lowerBound` is its own load, so `optimal` says that two levels cost nothing. */
  readonly result: PackingResult;
  /** Each different kind of block, solved once. */
  readonly levelOne: readonly PackingResult[];
  readonly levelTwo: PackingResult;
}

/**
 * `blockOf`: the block of each buffer, or -1 where it crosses blocks. Buffers of a block share its hull of
 * lifetimes. Throws as `packByMip` does, and InputError `invalid-packing` for a fixed buffer in a block.
 */
export async function packByLevels(
  problem: PackingProblem,
  blockOf: readonly number[],
  params: MipPackingParams = {},
): Promise<LevelsResult> {
  const { buffers } = problem;
  const members = new Map<number, number[]>();
  blockOf.forEach((block, i) => {
    if (block < 0) return;
    if (buffers[i]!.offset !== undefined) throw invalidPacking(i, "a buffer inside of a block can't be fixed");
    const list = members.get(block);
    if (list === undefined) members.set(block, [i]);
    else list.push(i);
  });
  const solved = new Map<string, PackingResult>();
  const blocks: { readonly list: readonly number[]; readonly packed: PackingResult; readonly whole: PackingBuffer }[] =
    [];
  for (const [, list] of [...members].sort(([a], [b]) => a - b)) {
    const lower = list.reduce((least, i) => Math.min(least, buffers[i]!.lower), Infinity);
    const upper = list.reduce((most, i) => Math.max(most, buffers[i]!.upper), -Infinity);
    const own = list.map((i) => shifted(buffers[i]!, lower));
    const key = JSON.stringify(own);
    const packed = solved.get(key) ?? (await packByMip({ buffers: own }, params));
    solved.set(key, packed);
    const alignment = own.reduce((common, buffer) => leastCommon(common, buffer.alignment ?? 1), 1);
    blocks.push({ list, packed, whole: { lower, upper, size: packed.height, alignment } });
  }
  const crossing = blockOf.flatMap((block, i) => (block < 0 ? [i] : []));
  const { capacity } = problem;
  const levelTwo = await packByMip(
    {
      buffers: [...crossing.map((i) => buffers[i]!), ...blocks.map(({ whole }) => whole)],
      ...(capacity === undefined ? {} : { capacity }),
    },
    params,
  );
  const offsets = new Array<number>(buffers.length).fill(0);
  crossing.forEach((i, k) => (offsets[i] = levelTwo.offsets[k]!));
  blocks.forEach(({ list, packed }, b) =>
    list.forEach((i, k) => (offsets[i] = levelTwo.offsets[crossing.length + b]! + packed.offsets[k]!)),
  );
  // One step: the bound alone is of interest.
  const { lowerBound, boundTime } = pack({ buffers }, { budget: 1, exact: false });
  const { height } = levelTwo;
  const levelOne = [...solved.values()];
  const result: PackingResult = {
    offsets,
    height,
    lowerBound,
    bound: "load",
    boundTime,
    // A capacity that two levels can't keep may still be kept by one.
    status: height > (capacity ?? Infinity) ? "unknown" : height <= lowerBound ? "optimal" : "feasible",
    method: "two levels",
    steps: levelTwo.steps + levelOne.reduce((sum, { steps }) => sum + steps, 0),
  };
  return { result, levelOne, levelTwo };
}

function shifted(buffer: PackingBuffer, by: number): PackingBuffer {
  const { size, alignment = 1, gaps = [] } = buffer;
  return {
    lower: buffer.lower - by,
    upper: buffer.upper - by,
    size,
    alignment,
    gaps: gaps.map((gap) => ({ ...gap, lower: gap.lower - by, upper: gap.upper - by })),
  };
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
const leastCommon = (a: number, b: number): number => (a / divisor(a, b)) * b;
