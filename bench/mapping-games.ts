/** Random games of up to seven instructions, each solved by a mixed integer program as well. */
import { mapMemory } from "../src/solve/mapping/index.ts";
import { type GameFile, readGame } from "../src/solve/mapping/game-file.ts";
import { fluidOptimum } from "../src/solve/mapping/milp.ts";
import { seededRandom } from "../src/solve/random.ts";

/** One game: each instruction reads what exists and makes one or two values. */
function randomGame(seed: number): GameFile {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const sizes = Array.from({ length: 1 + below(3) }, () => 1 + below(9));
  const outputs: number[] = [];
  const instr = Array.from({ length: 1 + below(7) }, () => {
    const reads = [...new Set(Array.from({ length: below(4) }, () => below(sizes.length)))];
    const writes = [sizes.push(1 + below(9)) - 1];
    if (below(3) === 0) writes.push(sizes.push(1 + below(6)) - 1);
    if (below(3) === 0) outputs.push(writes[0]!);
    if (below(10) === 0 && reads.length > 0) writes.push(reads[0]!);
    return { c: below(25), reads, writes };
  });
  return { hw: { C: below(25), Bs: 1, Bf: [1, 2, 4, 5][below(4)]! }, sizes, outputs, instr };
}

/** Tolerance of the integer program's answer. */
const CLOSE = 2e-6;

/** Plays so many games; what came of it, in one line. */
export async function sweepGames(count: number): Promise<string> {
  let optimal = 0;
  let proved = 0;
  let unproved = 0;
  let above = 0;
  let worst = 0;
  for (let seed = 1; seed <= count; seed++) {
    const { seconds, bound, certificate, refined, proof, gap, instance } = mapMemory(readGame(randomGame(seed)), {
      budget: 2000,
    });
    const optimum = await fluidOptimum(instance);
    if (!optimum.proved) {
      unproved++;
      continue;
    }
    // Where the search was exhaustive the bound is the plan's own latency, which addresses may keep above the fluid optimum.
    const lower = Math.max(certificate.seconds, refined?.seconds ?? 0, proof === "exhaustive" ? 0 : bound);
    if (lower > optimum.seconds * (1 + CLOSE)) above++;
    if (seconds <= optimum.seconds * (1 + CLOSE)) optimal++;
    else worst = Math.max(worst, seconds / optimum.seconds - 1);
    if (proof === "exhaustive" || gap < 1e-4) proved++;
    if (seed % 100 === 0) process.stderr.write(`${seed} games\n`);
  }
  const solved = count - unproved;
  return (
    `${count} random games of up to 7 instructions: optimal on ${optimal} of ${solved} (${((100 * optimal) / solved).toFixed(2)}%), ` +
    `at worst ${(100 * worst).toFixed(3)}% above the fluid optimum; proved by itself on ${proved}; bound above the optimum on ${above}; ${unproved} left open by the integer program`
  );
}
