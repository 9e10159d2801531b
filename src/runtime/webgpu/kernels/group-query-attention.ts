/** Microsoft's GroupQueryAttention: a cache of fixed capacity, rotation of queries and keys, several queries a key. */
import { attendCall, rowsAt, type RowsAt } from "./attend.ts";
import { joinRules, maskRule, NO_RULE, num, type Rule } from "./attention-rules.ts";
import { indexCode, turnCode, type Turn } from "./rotary-embedding.ts";
import type { OperandShape, Ref, WgslDispatch, WgslKernel, WgslTable } from "./types.ts";
import { areFloats, elementRead, pointwise, unitRead, unitType, type UnitRead } from "./units.ts";

const groupQueryAttention: WgslKernel = ({ inputs, outputs, attrs }) => {
  const [q, k, v, pastKey, pastValue, lasts, cos, sin, ids, scoreBias, sinks] = inputs;
  const [y, presentKey, presentValue] = outputs;
  if (!q || !lasts || !y || !presentKey || !presentValue || lasts.dtype !== "int32") return undefined;
  if (!areFloats(q, k, v, pastKey, pastValue, cos, sin, scoreBias, sinks, y, presentKey, presentValue))
    return undefined;
  if (ids && ids.dtype !== "int64" && ids.dtype !== "int32") return undefined;
  const [heads, kvHeads, size] = [num(attrs, "heads"), num(attrs, "kvHeads"), num(attrs, "size")];
  const [batches, positions] = q.shape as [number, number];
  const capacity = presentKey.shape[2]!;
  const turns = cos && sin ? { rotated: 2 * cos.shape[1]!, interleaved: attrs.get("interleaved") === 1 } : undefined;
  if (turns && turns.rotated === 0) return undefined;
  const packed = (part: number): RowsAt => {
    const row = (heads + 2 * kvHeads) * size;
    return { from: { input: 0 }, type: q, offset: part * size, batch: positions * row, head: size, row };
  };
  const query = k ? rowsAt({ input: 0 }, q, heads) : packed(0);
  const newKeys = k ? rowsAt({ input: 1 }, k, kvHeads) : packed(heads);
  const newValues = v ? rowsAt({ input: 2 }, v, kvHeads) : packed(heads + kvHeads);
  const isFirst = attrs.get("firstPrompt") === 1;
  const lastsRead: UnitRead = { read: { name: "lasts", from: { input: 5 } }, code: "" };
  const pastCode = `fn pastOf(b: i32) -> i32 { return ${isFirst ? "0" : `lasts[b] + 1 - ${positions}`}; }`;
  const needsLasts = isFirst ? [] : [lastsRead];
  const label = "GroupQueryAttention";
  const angle = ids ? `ids_at(b * ${positions} + i)` : "pastOf(b) + i";
  const turnReads = turns
    ? [
        elementRead("cos", { input: 6 }, cos!),
        elementRead("sin", { input: 7 }, sin!),
        ...(ids ? [{ read: { name: "ids", from: { input: 8 } }, code: indexCode("ids", ids) }] : []),
      ]
    : [];

  /** A cache: the past where it is, fresh rows behind it, zeros in the rest. */
  const cache = (
    name: string,
    output: number,
    type: OperandShape,
    pastInput: number,
    past: OperandShape | null | undefined,
    fresh: RowsAt,
    turn: Turn | undefined,
  ): WgslDispatch => {
    const pastCapacity = past ? past.shape[2]! : 0;
    return pointwise({
      label: `${label}/${name}`,
      writes: { output },
      type,
      // Rotation goes by elements.
      divisor: turn ? 1 : size,
      body(unit) {
        const at = (n: number): number => n / unit;
        const row = `${at(fresh.offset)} + b * ${at(fresh.batch)} + h * ${at(fresh.head)} + i * ${at(fresh.row)}`;
        const isPast = past && !isFirst;
        return {
          reads: [
            turn ? elementRead("fresh", fresh.from, fresh.type) : unitRead("fresh", fresh.from, fresh.type, unit),
            ...(isPast ? [unitRead("past", { input: pastInput }, past, unit)] : []),
            ...needsLasts,
            ...(turn ? turnReads : []),
          ],
          code: `${pastCode}
${turn ? turnCode(turn, "fresh") : ""}
fn compute(u: i32) -> ${unitType(unit)} {
  let d = u % ${at(size)};
  let place = (u / ${at(size)}) % ${capacity};
  let h = (u / ${at(size * capacity)}) % ${kvHeads};
  let b = u / ${at(size * capacity * kvHeads)};
  let length = pastOf(b);
  if (place < length) { return ${isPast ? `unit_past(((b * ${kvHeads} + h) * ${pastCapacity} + place) * ${at(size)} + d)` : `${unitType(unit)}()`}; }
  let i = place - length;
  if (i >= ${positions}) { return ${unitType(unit)}(); }
  return ${turn ? `turned(${row}, d, ${angle})` : `unit_fresh(${row} + d)`};
}`,
        };
      },
    });
  };
  const temporaries: OperandShape[] = [];
  const dispatches = [
    cache("keys", 1, presentKey, 3, pastKey, newKeys, turns),
    cache("values", 2, presentValue, 4, pastValue, newValues, undefined),
  ];
  let turned = query;
  if (turns) {
    const type: OperandShape = { dtype: q.dtype, shape: [batches, positions, heads * size] };
    const to: Ref = { temporary: temporaries.push(type) - 1 };
    dispatches.push(
      pointwise({
        label: `${label}/query`,
        writes: to,
        type,
        divisor: 1,
        body: () => ({
          reads: [elementRead("fresh", query.from, query.type), ...(ids ? [] : needsLasts), ...turnReads],
          code: `${ids ? "" : pastCode}
${turnCode(turns, "fresh")}
fn compute(u: i32) -> f32 {
  let d = u % ${size};
  let h = (u / ${size}) % ${heads};
  let i = (u / ${size * heads}) % ${positions};
  let b = u / ${size * heads * positions};
  return turned(${query.offset} + b * ${query.batch} + h * ${query.head} + i * ${query.row}, d, ${angle});
}`,
        }),
      }),
    );
    turned = rowsAt(to, type, heads);
  }
  const window = num(attrs, "window");
  const masked = scoreBias ? maskRule(9, scoreBias, [batches, heads, positions], false) : NO_RULE;
  if (masked === undefined) return undefined;
  const hasSink = sinks !== null && sinks !== undefined;
  const sinkRead = hasSink ? [elementRead("sinks", { input: 10 }, sinks)] : [];
  const places: Rule = {
    reads: [...needsLasts, ...sinkRead],
    code: `${pastCode}
fn sink(h: i32) -> f32 { return ${hasSink ? "load_sinks(h)" : "0f"}; }
fn keyEnd(b: i32, i: i32) -> i32 { return pastOf(b) + i + 1; }`,
    kept: ["j <= pastOf(b) + i", ...(window > 0 ? [`j > pastOf(b) + i - ${window}`] : [])],
    added: [],
  };
  const made = attendCall(
    {
      label,
      writes: { output: 0 },
      output: rowsAt({ output: 0 }, y, heads),
      batches,
      kvHeads,
      group: heads / kvHeads,
      queries: positions,
      keys: capacity,
      size,
      valueSize: size,
      query: turned,
      key: rowsAt({ output: 1 }, presentKey, kvHeads),
      value: rowsAt({ output: 2 }, presentValue, kvHeads),
      scale: num(attrs, "scale"),
      softcap: num(attrs, "softcap"),
      ...joinRules([places, masked]),
      isBounded: true,
      hasSink: hasSink || attrs.get("smooth") === 1,
    },
    temporaries.length,
  );
  return (
    made && { temporaries: [...temporaries, ...made.temporaries], dispatches: [...dispatches, ...made.dispatches] }
  );
};

export const groupQueryAttentionKernels: WgslTable = { GroupQueryAttention: groupQueryAttention };
