/**
 * Purpose     Lets a step write its result over an operand that dies there.
 * Requires    Steps in their final order; operands marked by the operator table as overwritable.
 * Guarantees  No value that is read later is overwritten; weights never are; inputs may be, since a
 *             run uploads them anew. The live peak never rises.
 * Method      For each marked operand: its whole storage must be dead after the step, have the
 *             result's size and start, and no other operand may share its bytes (an element could be
 *             read after it was overwritten). The result then names the operand's storage.
 * Cost        Linear.
 */
import type { Program, ProgramValue, ValueId } from "../src/ir/types.ts";

/** Gives results the storage of dying operands. */
export function inPlace(program: Program): Program {
  const values: ProgramValue[] = [...program.values];
  const rootOf = (id: ValueId): ValueId => values[id]!.storage.value;
  // Last use of each original storage; in-place results extend the storage they move into.
  const lastUse = new Map<ValueId, number>();
  const touch = (id: ValueId, at: number): void => {
    const root = rootOf(id);
    lastUse.set(root, Math.max(lastUse.get(root) ?? -1, at));
  };
  program.steps.forEach((step, i) => [...step.reads, ...step.writes].forEach((id) => touch(id, i)));
  for (const id of program.outputs) touch(id, Infinity);

  const viewsByRoot = new Map<ValueId, ValueId[]>();
  for (const value of program.values) {
    if (value.storage.value === value.id) continue;
    const list = viewsByRoot.get(value.storage.value);
    if (list === undefined) viewsByRoot.set(value.storage.value, [value.id]);
    else list.push(value.id);
  }

  program.steps.forEach((step, i) => {
    const [result] = step.writes;
    if (result === undefined || rootOf(result) !== result) return;
    for (const position of step.mayOverwrite) {
      const operand = step.reads[position];
      if (operand === undefined) continue;
      const root = rootOf(operand);
      const { bytes, kind } = values[root]!;
      if (kind === "weight" || root === result || lastUse.get(root) !== i) continue;
      if (
        values[operand]!.storage.offset !== 0 ||
        values[operand]!.bytes !== bytes ||
        bytes !== values[result]!.bytes ||
        bytes === 0
      )
        continue;
      // Read twice, it must be overwritable in both places.
      if (step.reads.some((other, k) => other === operand && !step.mayOverwrite.includes(k))) continue;
      // x * x may go over x, but x + (another view of x, in another shape) may not.
      if (step.reads.some((other, k) => k !== position && other !== operand && rootOf(other) === root)) continue;
      const moved = [result, ...(viewsByRoot.get(result) ?? [])];
      for (const id of moved)
        values[id] = { ...values[id]!, storage: { value: root, offset: values[id]!.storage.offset } };
      viewsByRoot.set(root, [...(viewsByRoot.get(root) ?? []), ...moved]);
      lastUse.set(root, lastUse.get(result) ?? i);
      return;
    }
  });
  return { ...program, values };
}
