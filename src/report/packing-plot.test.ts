import * as fc from "fast-check";
import { expect, test } from "vitest";
import { pack, type PackingProblem } from "../solve/packing/index.ts";
import { packingSvg } from "./packing-plot.ts";

/** Rectangles that the paths draw, and whether elements nest. */
function parsed(svg: string): { readonly rects: number; readonly numbers: boolean; readonly balanced: boolean } {
  const open: string[] = [];
  let balanced = true;
  for (const [, end, name, , self] of svg.matchAll(/<(\/?)([a-z]+)((?:[^<>"]|"[^"<]*")*?)(\/?)>/g)) {
    if (end === "/") balanced &&= open.pop() === name;
    else if (self !== "/") open.push(name!);
  }
  return {
    rects: [...svg.matchAll(/h[\d.]+v[\d.]+h-[\d.]+z/g)].length,
    numbers: !/NaN|Infinity|undefined/.test(svg),
    balanced: balanced && open.length === 0,
  };
}

const problems: fc.Arbitrary<PackingProblem> = fc
  .array(
    fc.record({
      id: fc.string({ minLength: 1, maxLength: 9, unit: "binary" }),
      lower: fc.integer({ min: -50, max: 50 }),
      time: fc.nat(20),
      size: fc.nat(1000),
    }),
    { maxLength: 12 },
  )
  .map((rows) => ({
    buffers: rows.map(({ id, lower, time, size }) => ({ id, lower, upper: lower + time, size })),
  }));

test("any packing is drawn: every buffer that takes bytes, whatever it is called", () =>
  fc.assert(
    fc.property(problems, (problem) => {
      const svg = packingSvg(problem, pack(problem), { title: "<&>" });
      const { rects, numbers, balanced } = parsed(svg);
      expect([numbers, balanced]).toEqual([true, true]);
      const visible = problem.buffers.filter(({ lower, upper, size }) => upper > lower && size > 0).length;
      expect(rects).toBe(visible);
    }),
    { numRuns: 150 },
  ));

test("gaps, pins, aliases, arenas and forbidden regions have their marks", () => {
  const problem: PackingProblem = {
    arenas: [{ name: "near & dear", capacity: 64, forbidden: [[10, 14]] }, { capacity: 4096 }],
    buffers: [
      { id: "fixed", lower: 0, upper: 10, size: 30, offset: 14, arenas: [0] },
      { id: "gap", lower: 0, upper: 20, size: 400, arenas: [1], gaps: [{ lower: 5, upper: 9, window: [0, 100] }] },
      { id: "slice", lower: 12, upper: 18, size: 100, inside: { buffer: 1, distance: 50 } },
    ],
  };
  const svg = packingSvg(problem, pack(problem));
  expect(svg).toContain("near &amp; dear");
  expect(svg).toContain("url(#forbidden)");
  expect(svg).toContain(">fixed</text>");
  expect(svg).toContain('stroke-dasharray="2 2"');
  // The fixed one twice (its box and its frame), three pieces around the gap, the slice.
  expect(parsed(svg).rects).toBe(6);
});

test("sixty thousand buffers stay a file of a few megabytes", () => {
  const buffers = Array.from({ length: 60_000 }, (_, i) => ({
    lower: i,
    upper: i + 1 + ((i * 7919) % 300),
    size: 1 + ((i * 104_729) % 5000),
  }));
  const svg = packingSvg({ buffers }, pack({ buffers }, { budget: 1, exact: false }));
  expect(svg.length).toBeLessThan(4_000_000);
  expect(parsed(svg).numbers).toBe(true);
});
