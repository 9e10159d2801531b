/** Greedy techniques by name: rules that order buffers, for skyline passes and for fits. */
import type { Boxes } from "./boxes.ts";
import { byFalling } from "./order.ts";
import { loads } from "./sections.ts";

/** Priorities for skyline passes, the best ones on real graphs first. */
export function skylineRules({ count, size, sections }: Boxes): readonly (readonly [string, () => Float64Array])[] {
  const { from, to } = sections;
  const column = (rule: (i: number) => number): Float64Array => {
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) values[i] = rule(i);
    return values;
  };
  return [
    ["area", () => column((i) => size[i]! * (to[i]! - from[i]!))],
    ["size", () => size],
    ["duration", () => column((i) => to[i]! - from[i]!)],
  ];
}

/** Orders for fits. Sums lifetimes section by section, which is quadratic at worst. */
export function fitOrders(boxes: Boxes): readonly (readonly [string, () => Uint32Array])[] {
  const { count, size, width, sections } = boxes;
  const { from, to } = sections;
  const area = (): Float64Array => size.map((z, i) => z * width[i]!);
  const conflicts = (): Float64Array => {
    // Alive together with b: all but those that end before it or start after it.
    const starts = new Int32Array(sections.count + 1);
    const ends = new Int32Array(sections.count + 1);
    for (let i = 0; i < count; i++) {
      starts[from[i]!]!++;
      ends[to[i]!]!++;
    }
    for (let s = 1; s <= sections.count; s++) {
      starts[s]! += starts[s - 1]!;
      ends[s]! += ends[s - 1]!;
    }
    return size.map((_, i) => starts[to[i]! - 1]! - ends[from[i]!]!);
  };
  const breadth = (): Float64Array => {
    const load = loads(sections, size);
    return size.map((_, i) => {
      let most = 0;
      for (let s = from[i]!; s < to[i]!; s++) if (load[s]! > most) most = load[s]!;
      return most;
    });
  };
  return [
    ["size", () => byFalling(size, width)],
    ["area", () => byFalling(area(), size)],
    ["breadth", () => byFalling(breadth(), size)],
    ["conflicts", () => byFalling(conflicts(), size)],
    ["duration", () => byFalling(width, size)],
    [
      "start",
      () =>
        byFalling(
          Float64Array.from(from, (s) => -s),
          size,
        ),
    ],
  ];
}
