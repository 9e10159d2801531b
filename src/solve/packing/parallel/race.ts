/**
 * A race of turns whose outcome does not depend on how many run at a time. Time is virtual: a turn that settles the
 * problem has done so at its epoch, after its steps, and the earliest one wins (the first strand, of equals). Others go
 * on only until they have passed it. An epoch in which none does may still settle it by all results so far together.
 */
import type { PackingProgress, PackingResult } from "../types.ts";
import type { Crew } from "./crew.ts";
import type { Turn } from "./turns.ts";
import { merged } from "./verdict.ts";

export interface Race {
  /** Takes the turns that come next. Rejects as soon as one of them does. */
  run(crew: Crew, turns: readonly Turn[]): Promise<void>;
  isOver(): boolean;
  /** Of the turns that count. */
  result(): PackingResult;
}

/** A turn, or all results so far at the end of an epoch. */
interface Lead {
  readonly epoch: number;
  readonly steps: number;
  readonly strand: number;
}

const isBefore = (a: Lead, b: Lead): boolean =>
  a.epoch !== b.epoch ? a.epoch < b.epoch : a.steps !== b.steps ? a.steps < b.steps : a.strand < b.strand;

/** `stopped`: whether the caller wants no more; then every result counts, finished or not. */
export function newRace(
  settles: (result: PackingResult) => boolean,
  stopped: () => boolean,
  onProgress: (progress: PackingProgress) => void,
): Race {
  const taken: { readonly turn: Turn; result?: PackingResult; steps: number }[] = [];
  let lead: Lead | undefined;
  /** Epochs before it are complete. */
  let epoch = 0;
  let height = Infinity;
  let lowerBound = 0;

  const resultsUntil = (last: number): readonly PackingResult[] =>
    taken.flatMap(({ turn, result }) => (turn.epoch <= last && result !== undefined ? [result] : []));
  const limitOf = (turn: Turn): number => {
    if (lead === undefined || turn.epoch < lead.epoch) return Infinity;
    return turn.epoch === lead.epoch ? lead.steps : -1;
  };
  const closeEpochs = (turns: readonly Turn[]): void => {
    const isOpen = (turn: Turn): boolean =>
      turn.epoch === epoch && taken.find((one) => one.turn === turn)?.result === undefined;
    for (; epoch <= turns.at(-1)!.epoch && !turns.some(isOpen); epoch++) {
      if (lead !== undefined && lead.epoch <= epoch) return;
      if (settles(merged(resultsUntil(epoch)))) lead = { epoch, steps: Infinity, strand: Infinity };
    }
  };

  return {
    async run(crew, turns) {
      const running = new Map<number, Turn>();
      let next = 0;
      const work = async (place: number): Promise<void> => {
        for (;;) {
          const turn = turns[next];
          if (turn === undefined || stopped() || limitOf(turn) < 0) return;
          next++;
          const own: (typeof taken)[number] = { turn, steps: 0 };
          taken.push(own);
          running.set(place, turn);
          crew.setLimit(place, limitOf(turn));
          own.result = await crew.take(place, turn, (progress) => {
            height = Math.min(height, progress.height);
            lowerBound = Math.max(lowerBound, progress.lowerBound);
            own.steps = progress.steps;
            const steps = taken.reduce((sum, one) => sum + one.steps, 0);
            onProgress({ height, lowerBound: Math.min(height, lowerBound), steps, method: progress.method });
          });
          running.delete(place);
          own.steps = own.result.steps;
          const at = { epoch: turn.epoch, steps: own.steps, strand: turn.strand };
          if (settles(own.result) && (lead === undefined || isBefore(at, lead))) lead = at;
          closeEpochs(turns);
          for (const [other, its] of running) crew.setLimit(other, limitOf(its));
        }
      };
      await Promise.all(Array.from({ length: Math.min(crew.places, turns.length) }, (_, place) => work(place)));
    },
    isOver: () => lead !== undefined || stopped(),
    result() {
      const { epoch: last, steps, strand } = lead ?? { epoch: Infinity, steps: Infinity, strand: Infinity };
      // Beside the one that settled it, what others of its epoch came to depends on when they heard of it.
      const counted = taken.filter(
        ({ turn, result }) =>
          result !== undefined &&
          (stopped() || turn.epoch < last || (turn.epoch === last && (steps === Infinity || turn.strand === strand))),
      );
      return merged(counted.map(({ result }) => result!));
    },
  };
}
