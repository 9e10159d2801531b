/** Hill climbing on the order of placement: move one buffer, keep what is no worse. */
import { heightOf } from "./bounds.ts";
import { left, spent, type Effort } from "./effort.ts";
import { offer, reached, type Aim, type Incumbent } from "./incumbent.ts";
import { fitPack } from "./fits.ts";
import { byFalling } from "./order.ts";

export function climb(best: Incumbent, aim: Aim, effort: Effort, random: () => number): void {
  const { boxes } = best;
  const n = boxes.count;
  const trial = new Float64Array(n);
  // From low to high in the best packing, which is at least as good when it is packed in that order.
  const order = Array.from(
    byFalling(
      best.offsets.map((offset) => -offset),
      boxes.size,
    ),
  );
  fitPack(boxes, order, false, trial);
  let current = heightOf(boxes, trial);
  offer(best, trial, "local search");
  while (!reached(best, aim)) {
    if (left(effort) < n || spent(effort)) return;
    const a = Math.floor(random() * n);
    const b = Math.floor(random() * n);
    const moved = order.splice(a, 1)[0]!;
    order.splice(b, 0, moved);
    fitPack(boxes, order, random() < 0.3, trial);
    effort.count.steps += n;
    const found = heightOf(boxes, trial);
    offer(best, trial, "local search");
    if (found <= current) current = found;
    else {
      order.splice(b, 1);
      order.splice(a, 0, moved);
    }
  }
}
