/**
 * Skyline passes with random priorities, duration^a size^b with noise; every other one squeaks: it keeps
 * the priorities of the best pass and raises those of buffers that ended above the bound (Joslin and Clements 1999).
 */
import { left, spent, type Effort } from "./effort.ts";
import { offer, reached, type Aim, type Incumbent } from "./incumbent.ts";
import { skylinePacker } from "./skyline.ts";
import type { Switches } from "./switches.ts";

export function restartSkyline(
  best: Incumbent,
  aim: Aim,
  switches: Switches,
  effort: Effort,
  random: () => number,
): void {
  const { boxes } = best;
  const { count: n, size, sections, unit } = boxes;
  const { from, to } = sections;
  const pass = skylinePacker(sections, size);
  const priority = new Float64Array(n);
  const trial = new Float64Array(n);
  const bound = best.bound.bytes / unit;
  const scale = 1 / Math.max(1, bound);
  const squeaky = new Float64Array(n);
  let squeakyHeight = Infinity;
  for (let round = 0; !reached(best, aim); round++) {
    if (left(effort) < n || spent(effort)) return;
    const squeak = switches.squeakyWheel && round % 2 === 1 && squeakyHeight < Infinity;
    if (squeak) {
      priority.set(squeaky);
    } else {
      const byDuration = 3 * random();
      const bySize = 3 * random();
      const noise = random() < 0.5 ? 0.1 : 0.4;
      for (let i = 0; i < n; i++)
        priority[i] =
          (to[i]! - from[i]!) ** byDuration * (size[i]! * scale) ** bySize * (1 + noise * random()) + Number.MIN_VALUE;
    }
    const height = pass(priority, trial);
    effort.count.steps += n;
    if (squeak || height < squeakyHeight) {
      squeakyHeight = height;
      // What sticks out over the bound should have come earlier.
      for (let i = 0; i < n; i++) squeaky[i] = priority[i]! * (trial[i]! + size[i]! > bound ? 1.5 + random() : 1);
    }
    offer(best, trial, squeak ? "skyline squeaky wheel" : "skyline restarts");
  }
}
