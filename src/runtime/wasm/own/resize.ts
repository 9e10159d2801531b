/** Resize to the nearest element: a copy by a table of source rows and one of source columns. */
import { sizeOf, stridesOf } from "../../../kernels/access.ts";
import { copiedPositions } from "../../../kernels/resize.ts";
import type { OwnSelector } from "./steps.ts";

const FLOAT = 4;
/** Floats of a run from which a call of WebAssembly is faster than a loop. */
const RUN = 8;

/** Of float32; everything but the first operand became attributes. */
export const resize: OwnSelector = ({ inputs, outputs, attrs }) => {
  const [x] = inputs;
  const [y] = outputs;
  const positions = x && y ? copiedPositions({ attrs }, x.shape, y.shape) : undefined;
  if (!x || !y || positions === undefined) return undefined;
  const strides = stridesOf(x.shape);
  // The last dims that stay as they are move together.
  let rank = x.shape.length;
  while (rank > 1 && x.shape[rank - 1] === y.shape[rank - 1] && positions[rank - 1]!.every((from, i) => from === i))
    rank--;
  const run = sizeOf(x.shape.slice(rank));
  return {
    scratch: [],
    bind({ functions, input, output, heap }) {
      const move = functions["move"]!;
      const [from, to] = [input(0), output(0)];
      const [read, write] = [
        new Float32Array(heap, from, sizeOf(x.shape)),
        new Float32Array(heap, to, sizeOf(y.shape)),
      ];
      const offsets = positions.slice(0, rank).map((table, d) => table.map((at) => at * strides[d]!));
      const columns = offsets.pop()!;
      const rows = Int32Array.from(
        offsets.reduce<number[]>((all, more) => all.flatMap((base) => Array.from(more, (at) => base + at)), [0]),
      );
      const width = columns.length * run;
      return () => {
        for (let r = 0; r < rows.length; r++)
          for (let c = 0; c < columns.length; c++) {
            const [source, goal] = [rows[r]! + columns[c]!, r * width + c * run];
            if (run >= RUN) move(from + FLOAT * source, to + FLOAT * goal, 1, 0, 0, 1, 0, 0, FLOAT * run);
            else for (let i = 0; i < run; i++) write[goal + i] = read[source + i]!;
          }
      };
    },
  };
};
