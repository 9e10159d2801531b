/** Whether a block that waits can be computed again by the one step that made it, and what that costs. */
import type { Program, ValueId } from "../src/ir/types.ts";
import type { Wait } from "./waits.ts";

export interface Recomputation {
  /** The step that made the block. */
  readonly maker: number;
  /** Roots that it reads and that are no weights: they must be in the arena before the next use. */
  readonly operands: readonly ValueId[];
  readonly seconds: number;
}

/** `isLive(root, step)` tells whether a root is live at a step. Undefined where the block can't be computed again. */
export function recomputation(
  program: Program,
  { root, before }: Wait,
  isLive: (root: ValueId, step: number) => boolean,
): Recomputation | undefined {
  const { values, steps } = program;
  if (before === undefined || program.outputs.some((id) => values[id]!.storage.value === root)) return undefined;
  const sharing = new Set(values.flatMap((value) => (value.storage.value === root ? [value.id] : [])));
  // Only a block that one step wrote whole, and nothing wrote over.
  if ([...sharing].filter((id) => values[id]!.viewOf === undefined).length !== 1) return undefined;
  const maker = steps.findIndex((step) => step.writes.includes(root));
  const step = steps[maker];
  if (step === undefined || step.writes.length !== 1) return undefined;
  if (
    step.dispatch !== undefined &&
    steps.some((other, i) => i !== maker && other.dispatch?.call === step.dispatch!.call)
  )
    return undefined;
  // A call's operands are one list for all its dispatches: those that run before can't have read another block.
  const later = new Set(
    steps
      .slice(before)
      .flatMap((other) => (other.reads.some((id) => sharing.has(id)) ? (other.dispatch?.call ?? []) : [])),
  );
  if (steps.slice(0, before).some((other) => other.dispatch !== undefined && later.has(other.dispatch.call)))
    return undefined;
  const operands = [...new Set(step.reads.map((id) => values[id]!.storage.value))].filter(
    (operand) => values[operand]!.kind !== "weight",
  );
  const atHand = operands.every(
    (operand) =>
      isLive(operand, before) &&
      // Written over since by an in-place result, it would be another value's bytes.
      !steps.some(
        (other, i) => i > maker && i < before && other.writes.some((id) => values[id]!.storage.value === operand),
      ),
  );
  return atHand ? { maker, operands, seconds: step.seconds } : undefined;
}
