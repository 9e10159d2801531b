/** GroupQueryAttention of com.microsoft, as the reference kernel defines it. */
import { badData } from "../../../errors.ts";
import { sizeOf } from "../../../kernels/access.ts";
import { attendScratch } from "../../../kernels/attention-core.ts";
import { attend, rowsOf, type Rows } from "./attention.ts";
import type { OwnSelector } from "./steps.ts";

const FLOAT = 4;

/**
 * Operands: query (or query, key and value packed), key, value, past key, past value, last position of each
 * batch row, cosines, sines, position ids, attention bias, head sink; results: y, present key and value.
 */
export const groupQueryAttention: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [q, k, v, pastKey, pastValue, lasts, cos, sin, ids, scoreBias, sinks] = inputs;
  const [y, presentKey, presentValue] = outputs;
  if (!q || !y || !presentKey || !presentValue || lasts?.dtype !== "int32" || scoreBias) return undefined;
  if (
    [q, k, v, pastKey, pastValue, cos, sin, sinks, y, presentKey, presentValue].some(
      (tensor) => tensor && tensor.dtype !== "float32",
    )
  )
    return undefined;
  if ((ids && ids.dtype !== "int64") || [...inputs, ...outputs].some((tensor) => tensor && sizeOf(tensor.shape) === 0))
    return undefined;
  const [heads, kvHeads, size] = ["heads", "kvHeads", "size"].map((name) => Number(attrs.get(name))) as [
    number,
    number,
    number,
  ];
  const [batches, positions] = q.shape as [number, number];
  const capacity = presentKey.shape[2]!;
  const window = Number(attrs.get("window"));
  const angles = cos ? FLOAT * cos.shape[1]! : 0;
  const turned = [batches, positions, heads * size];
  return {
    scratch: [attendScratch(size, size, capacity), ...(cos ? [{ dtype: "float32", shape: turned } as const] : [])],
    bind({ functions, heap, input, output, scratch }) {
      const turn = functions[attrs.get("interleaved") === 1 ? "rotatePairs" : "rotateHalves"]!;
      const last = new Int32Array(heap, input(5), batches);
      const id = ids && new BigInt64Array(heap, input(8), batches * positions);
      const sink = sinks && new Float32Array(heap, input(10), heads);
      const pastOf = (b: number): number => {
        const past = attrs.get("firstPrompt") === 1 ? 0 : last[b]! + 1 - positions;
        if (past < 0 || past + positions > capacity || past > (pastKey?.shape[2] ?? 0))
          throw badData("GroupQueryAttention", `batch row ${b} has ${past} past positions`);
        return past;
      };
      const packed = (part: number): Rows => {
        const row = FLOAT * (heads + 2 * kvHeads) * size;
        return {
          at: input(0) + FLOAT * part * size,
          batch: positions * row,
          head: FLOAT * size,
          row,
          length: positions,
        };
      };
      const query = k ? rowsOf(q.shape, input(0), heads) : packed(0);
      const newKeys = k ? rowsOf(k.shape, input(1), kvHeads) : packed(heads);
      const newValues = v ? rowsOf(v.shape, input(2), kvHeads) : packed(heads + kvHeads);
      const keys = rowsOf(presentKey.shape, output(1), kvHeads);
      const values = rowsOf(presentValue.shape, output(2), kvHeads);
      const asked = cos ? rowsOf(turned, scratch(1), heads) : query;
      const bytes = new Uint8Array(heap);
      const row = FLOAT * size;

      /** The past rows, the new ones after them, then zeros. */
      const keep = (past: Rows | undefined, fresh: Rows, present: Rows): void => {
        for (let b = 0; b < batches; b++)
          for (let h = 0; h < kvHeads; h++) {
            const length = pastOf(b) * row;
            const to = present.at + b * present.batch + h * present.head;
            if (past) {
              const from = past.at + b * past.batch + h * past.head;
              bytes.copyWithin(to, from, from + length);
            }
            for (let i = 0; i < positions; i++) {
              const from = fresh.at + b * fresh.batch + h * fresh.head + i * fresh.row;
              bytes.copyWithin(to + length + i * row, from, from + row);
            }
            bytes.fill(0, to + length + positions * row, to + present.head);
          }
      };
      const rotate = (rows: Rows, count: number, target: Rows, isPresent: boolean): void => {
        for (let b = 0; b < batches; b++)
          for (let i = 0; i < positions; i++) {
            const past = pastOf(b);
            const angle = id ? Number(id[b * positions + i]!) : past + i;
            if (angle < 0 || angle >= cos!.shape[0]!)
              throw badData("GroupQueryAttention", `position ${angle} is outside the caches' ${cos!.shape[0]} rows`);
            const from = rows.at + b * rows.batch + i * rows.row;
            const to = target.at + b * target.batch + (isPresent ? past + i : i) * target.row;
            const [c, s] = [input(6) + angle * angles, input(7) + angle * angles];
            turn(from, to, c, s, count, rows.head, target.head, angles, row);
          }
      };
      const run = attend(functions, heap, {
        batches,
        heads,
        group: heads / kvHeads,
        size,
        valueSize: size,
        query: asked,
        keys: [keys],
        values: [values],
        output: rowsOf(y.shape, output(0), heads),
        scale: Number(attrs.get("scale")),
        softcap: Number(attrs.get("softcap")),
        range(batch, i, range) {
          const position = pastOf(batch) + i;
          range[0] = window > 0 ? Math.max(0, position - window + 1) : 0;
          range[1] = Math.min(capacity, position + 1);
        },
        sink: sink ? (head) => sink[head]! : attrs.get("smooth") === 1 ? () => 0 : undefined,
        scratch: scratch(0),
      });
      const [oldKeys, oldValues] = [
        pastKey && rowsOf(pastKey.shape, input(3), kvHeads),
        pastValue && rowsOf(pastValue.shape, input(4), kvHeads),
      ];
      return () => {
        keep(oldKeys ?? undefined, newKeys, keys);
        keep(oldValues ?? undefined, newValues, values);
        if (cos) {
          rotate(newKeys, kvHeads, keys, true);
          rotate(query, heads, asked, false);
        }
        run();
      };
    },
  };
};
