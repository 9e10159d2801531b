/**
 * Purpose     Has the operands of a concatenation computed where its result wants them, so that nothing is copied.
 * Requires    Steps in their final order, in-place decided.
 * Guarantees  Every operand that moves is whole and alone in its storage, dies at the concatenation and starts
 *             at a multiple of `alignment`. Inputs, weights and outputs stay. The live peak never rises.
 * Method      A concatenation that lays its operands end to end (all dims before its axis are 1) takes their
 *             storage, with all that lies in it, into its own. The step stays, at no cost: where the operands
 *             do lie in place it has nothing to do, and a run that places nothing still copies. In program
 *             order, so that a chain of concatenations nests; each is kept only if the live peak is no higher.
 * Cost        Linear for each concatenation that could go.
 * Limits      All operands or none; one that is read after the concatenation, or twice by it, forbids it.
 */
import { elementCount } from "../src/ir/bytes.ts";
import type { KernelStep, Program, ProgramValue, ValueId } from "../src/ir/types.ts";
import { livePeak, liveRanges } from "./liveness.ts";

/** Places operands inside the results of concatenations; `alignment` (bytes) is that of the target's arena. */
export function concatInPlace(program: Program, alignment: number): Program {
  const peak = (candidate: Program): number => livePeak(liveRanges(candidate), candidate.steps.length, alignment).bytes;
  let best = program;
  let least: number | undefined;
  for (const [index, step] of program.steps.entries()) {
    const offsets = placesOf(best, step, alignment);
    if (offsets === undefined || !dieAt(best, new Set(offsets.keys()), index)) continue;
    least ??= peak(program);
    const candidate = moved(best, index, step.writes[0]!, offsets);
    const bytes = peak(candidate);
    if (bytes > least) continue;
    best = candidate;
    least = bytes;
  }
  return best;
}

/** Axis of a concatenation by one step, or undefined for any other step. */
function concatAxis({ calls }: Program, step: KernelStep): number | undefined {
  const { kernel, reads, writes, attrs } = step.dispatch === undefined ? step : calls[step.dispatch.call]!;
  // A call of many dispatches joins its operands bit by bit.
  const isWhole = reads.length === step.reads.length && reads.every((id, k) => id === step.reads[k]);
  if (
    kernel !== "Concat" ||
    !isWhole ||
    writes.length !== 1 ||
    step.writes.length !== 1 ||
    writes[0] !== step.writes[0]
  )
    return undefined;
  const axis = attrs.find(({ name }) => name === "axis")?.value;
  return typeof axis === "number" ? axis : undefined;
}

/** Where the storage of each operand goes in the result, in bytes; undefined where one can't. */
function placesOf(program: Program, step: KernelStep, alignment: number): Map<ValueId, number> | undefined {
  const { values } = program;
  const axis = concatAxis(program, step);
  if (axis === undefined) return undefined;
  const result = values[step.writes[0]!]!;
  if (result.storage.value !== result.id || elementCount(result.shape.slice(0, axis)) !== 1) return undefined;
  const places = new Map<ValueId, number>();
  let at = 0;
  for (const id of step.reads) {
    const operand = values[id]!;
    const root = values[operand.storage.value]!;
    const isWhole = operand.storage.offset === 0 && operand.bytes === root.bytes;
    if (!isWhole || root.kind === "input" || root.kind === "weight" || operand.dtype !== result.dtype) return undefined;
    if (root.id === result.id || places.has(root.id) || at % alignment !== 0) return undefined;
    places.set(root.id, at);
    at += operand.bytes;
  }
  return at === result.bytes ? places : undefined;
}

/** Whether nothing that lies in these storages is used after a step. */
function dieAt({ values, steps, outputs }: Program, roots: ReadonlySet<ValueId>, index: number): boolean {
  const inside = (id: ValueId): boolean => roots.has(values[id]!.storage.value);
  return (
    !outputs.some(inside) && !steps.slice(index + 1).some(({ reads, writes }) => [...reads, ...writes].some(inside))
  );
}

function moved(program: Program, index: number, result: ValueId, places: ReadonlyMap<ValueId, number>): Program {
  return {
    ...program,
    values: program.values.map((value): ProgramValue => {
      const at = places.get(value.storage.value);
      return at === undefined ? value : { ...value, storage: { value: result, offset: at + value.storage.offset } };
    }),
    steps: program.steps.map((step, i) => (i === index ? { ...step, seconds: 0 } : step)),
  };
}
