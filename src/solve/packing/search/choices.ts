/**
 * How one run of the search chooses: by which priorities among buffers, and which section next. What suits an instance
 * differs from instance to instance by a factor of ten and more, and hardly with the capacity: once some runs have packed
 * it to greater heights, half of all runs choose like one of those but for a change or two.
 */
export interface Choices {
  /** Priority of a buffer: duration^byWidth size^bySize, times up to `noise` at random. */
  readonly byWidth: number;
  readonly bySize: number;
  readonly noise: number;
  /** Factor on the priority of what fills its valley exactly; of what ends level with its rim. */
  readonly exactWidth: number;
  readonly levelTop: number;
  /** Prefer sections that failed often. */
  readonly weighted: boolean;
  /** How strongly to stay near the section that failed last. */
  readonly attraction: number;
}

const EXPONENTS = [
  [1, 0],
  [0, 1],
  [1, 1],
  [2, 1],
  [1, 2],
  [3, 1],
] as const;

const ATTRACTIONS = [0, 5, 20] as const;
/** Runs to choose like: the latest. */
const KEPT = 6;

interface Tricks {
  readonly weights: boolean;
  readonly locality: boolean;
  readonly adapt: boolean;
}

/** Choices for the next run. */
export function nextChoices(solved: readonly Choices[], tricks: Tricks, random: () => number): Choices {
  const fresh = freshChoices(tricks, random);
  if (!tricks.adapt || solved.length === 0 || random() < 0.5) return fresh;
  const like = solved[Math.floor(random() * solved.length)]!;
  const change = (exponent: number): number => Math.max(0, exponent + 0.4 * (random() - 0.5));
  const either = <T>(kept: T, changed: T): T => (random() < 0.8 ? kept : changed);
  return {
    byWidth: change(like.byWidth),
    bySize: change(like.bySize),
    noise: either(like.noise, fresh.noise),
    exactWidth: either(like.exactWidth, fresh.exactWidth),
    levelTop: either(like.levelTop, fresh.levelTop),
    weighted: either(like.weighted, fresh.weighted),
    attraction: either(like.attraction, fresh.attraction),
  };
}

function freshChoices({ weights, locality }: Tricks, random: () => number): Choices {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const weighted = weights && random() < 0.5;
  const [byWidth, bySize] = pick(EXPONENTS);
  return {
    byWidth,
    bySize,
    weighted,
    noise: pick([0.1, 0.4]),
    exactWidth: pick([1, 20]),
    levelTop: pick([1, 20]),
    attraction: locality ? pick(ATTRACTIONS) : 0,
  };
}

/** Notes that a run packed everything. */
export function keepChoices(solved: Choices[], choices: Choices): void {
  solved.push(choices);
  if (solved.length > KEPT) solved.shift();
}
