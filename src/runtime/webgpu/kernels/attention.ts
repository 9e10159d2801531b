/** Attention of ONNX, opsets 23 to 25. */
import { attendCall, rowsAt, type RowsAt } from "./attend.ts";
import { joinRules, maskRule, NO_RULE, num, type Rule } from "./attention-rules.ts";
import { stateRows } from "./attention-state.ts";
import type { OperandShape, WgslKernel, WgslTable } from "./types.ts";
import { areFloats } from "./units.ts";

const attention: WgslKernel = ({ inputs, outputs, attrs }) => {
  const [q, k, v, mask, pastKey, pastValue, lengths] = inputs;
  const [y, presentKey, presentValue, weights] = outputs;
  if (!q || !k || !v || !y || weights || !areFloats(q, k, v, y, pastKey, pastValue, presentKey, presentValue))
    return undefined;
  if (String(attrs.get("precision") ?? "") !== "") return undefined;
  if (lengths && lengths.dtype !== "int64" && lengths.dtype !== "int32") return undefined;
  const [heads, kvHeads] = [num(attrs, "heads"), num(attrs, "kvHeads")];
  const [size, valueSize] = [num(attrs, "size"), num(attrs, "valueSize")];
  const batches = q.shape[0]!;
  const queries = q.shape.length === 4 ? q.shape[2]! : q.shape[1]!;
  const fresh = k.shape.length === 4 ? k.shape[2]! : k.shape[1]!;
  const past = pastKey ? pastKey.shape[2]! : 0;
  const keys = past + fresh;
  const temporaries: OperandShape[] = [];
  const rows = (x: OperandShape, input: number): RowsAt => rowsAt({ input }, x, kvHeads);
  const keyState = { past: pastKey, pastInput: 4, present: presentKey, presentOutput: 1 };
  const valueState = { past: pastValue, pastInput: 5, present: presentValue, presentOutput: 2 };
  const key = stateRows("Attention/keys", rows(k, 1), kvHeads, size, fresh, batches, keyState, temporaries);
  const value = stateRows("Attention/values", rows(v, 2), kvHeads, valueSize, fresh, batches, valueState, temporaries);

  const masked = mask ? maskRule(3, mask, [batches, heads, queries], attrs.get("repeatMask") === 1) : NO_RULE;
  if (masked === undefined) return undefined;
  const isCausal = attrs.get("causal") === 1;
  const [left, right] = [num(attrs, "left"), num(attrs, "right")];
  const valid = lengths ? `lengths[b${lengths.dtype === "int64" ? " * 2" : ""}]` : `${keys}`;
  const position = pastKey || !lengths ? `i + ${past}` : `i + validOf(b) - ${queries}`;
  const kept = [
    ...(lengths ? ["j < validOf(b)"] : []),
    ...(isCausal ? ["j <= positionOf(b, i)"] : []),
    ...(left >= 0 ? [`j >= positionOf(b, i) - ${left}`] : []),
    ...(right >= 0 ? [`j <= positionOf(b, i) + ${right}`] : []),
  ];
  const ends = [
    ...(lengths ? ["validOf(b)"] : []),
    ...(isCausal ? ["positionOf(b, i) + 1"] : []),
    ...(right >= 0 ? [`positionOf(b, i) + ${right + 1}`] : []),
  ];
  const places: Rule = {
    reads: lengths ? [{ read: { name: "lengths", from: { input: 6 } }, code: "" }] : [],
    code: `fn validOf(b: i32) -> i32 { return ${valid}; }
fn positionOf(b: i32, i: i32) -> i32 { return ${position}; }
${ends.length > 0 ? `fn keyEnd(b: i32, i: i32) -> i32 { return ${ends.reduce((a, c) => `min(${a}, ${c})`)}; }` : ""}`,
    kept,
    added: [],
  };
  const made = attendCall(
    {
      label: "Attention",
      writes: { output: 0 },
      output: rowsAt({ output: 0 }, y, heads),
      batches,
      kvHeads,
      group: heads / kvHeads,
      queries,
      keys,
      size,
      valueSize,
      query: rowsAt({ input: 0 }, q, heads),
      key: key.rows,
      value: value.rows,
      scale: num(attrs, "scale"),
      softcap: num(attrs, "softcap"),
      // The cheap tests come first.
      ...joinRules([places, masked]),
      isBounded: ends.length > 0,
      hasSink: false,
    },
    temporaries.length,
  );
  return (
    made && {
      temporaries: [...temporaries, ...made.temporaries],
      dispatches: [...key.dispatches, ...value.dispatches, ...made.dispatches],
    }
  );
};

export const attentionKernels: WgslTable = { Attention: attention };
