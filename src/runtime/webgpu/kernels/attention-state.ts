/** Keys and values that come in two pieces: a state of past rows, and fresh ones. */
import type { DType } from "../../../ir/dtype.ts";
import { rowsAt, type RowsAt } from "./attend.ts";
import type { OperandShape, Ref, WgslDispatch } from "./types.ts";
import { greatestCommonDivisor, pointwise, unitRead, unitType } from "./units.ts";

/** Past rows, then fresh ones, as (batch, head, position, size): a present state, or where keys come in two pieces. */
function concatenate(
  label: string,
  writes: Ref,
  type: OperandShape,
  past: { readonly from: Ref; readonly type: OperandShape; readonly offset: number } | undefined,
  fresh: RowsAt,
): WgslDispatch {
  const [, heads, total, size] = type.shape.slice(-4) as [number, number, number, number];
  const pastLength = past ? past.type.shape.at(-2)! : 0;
  return pointwise({
    label,
    writes,
    type,
    // Everything that is added up to an index must be whole units; a bias of values begins behind those of queries and keys.
    divisor: [fresh.offset, fresh.batch, fresh.head, fresh.row, fresh.added?.offset ?? 0, past?.offset ?? 0].reduce(
      greatestCommonDivisor,
      size,
    ),
    body(unit) {
      const at = (n: number): number => n / unit;
      const reads = [
        ...(past ? [unitRead("past", past.from, past.type, unit)] : []),
        unitRead("fresh", fresh.from, fresh.type, unit),
        ...(fresh.added ? [unitRead("added", fresh.added.from, fresh.added.type, unit)] : []),
      ];
      const added = fresh.added ? ` + unit_added(${at(fresh.added.offset)} + h * ${at(size)} + d)` : "";
      const old = past
        ? `if (i < ${pastLength}) { return unit_past(${at(past.offset)} + ((b * ${heads} + h) * ${pastLength} + i) * ${at(size)} + d); }`
        : "";
      return {
        reads,
        code: `fn compute(u: i32) -> ${unitType(unit)} {
  let d = u % ${at(size)};
  let i = (u / ${at(size)}) % ${total};
  let h = (u / ${at(size * total)}) % ${heads};
  let b = u / ${at(size * total * heads)};
  ${old}
  return unit_fresh(${at(fresh.offset)} + b * ${at(fresh.batch)} + h * ${at(fresh.head)} + (i - ${pastLength}) * ${at(fresh.row)} + d)${added};
}`,
      };
    },
  });
}

interface State {
  readonly past: OperandShape | null | undefined;
  readonly pastInput: number;
  readonly present: OperandShape | null | undefined;
  readonly presentOutput: number;
}

/** Where an attention reads its keys (or values), and what has to be written first. */
export function stateRows(
  label: string,
  fresh: RowsAt,
  heads: number,
  size: number,
  length: number,
  batches: number,
  state: State,
  temporaries: OperandShape[],
): { readonly rows: RowsAt; readonly dispatches: readonly WgslDispatch[] } {
  if (!state.past && !state.present) return { rows: fresh, dispatches: [] };
  const total = length + (state.past ? state.past.shape[2]! : 0);
  const type: OperandShape = state.present ?? { dtype: fresh.type.dtype, shape: [batches, heads, total, size] };
  const past = state.past ? { from: { input: state.pastInput }, type: state.past, offset: 0 } : undefined;
  const dispatches: WgslDispatch[] = [];
  const write = (writes: Ref, own: OperandShape): RowsAt => {
    dispatches.push(concatenate(label, writes, own, past, fresh));
    return rowsAt(writes, own, heads);
  };
  const written = state.present ? write({ output: state.presentOutput }, state.present) : undefined;
  // Without a past the fresh rows are just as good to read, and need no waiting.
  if (!state.past) return { rows: fresh, dispatches };
  // A sum with a bias is rounded in the state; scores are made of the unrounded one.
  const exact: DType = fresh.added ? "float32" : type.dtype;
  if (written && exact === type.dtype) return { rows: written, dispatches };
  const apart: OperandShape = { dtype: exact, shape: type.shape };
  return { rows: write({ temporary: temporaries.push(apart) - 1 }, apart), dispatches };
}
