import * as fc from "fast-check";
import { expect, test } from "vitest";
import { sectionAt, sectionsOf } from "./sections.ts";

const extents = fc.array(fc.record({ offset: fc.nat(400), bytes: fc.integer({ min: 1, max: 60 }) }), { minLength: 1 });

test("one section from the start where a buffer may be that large", () => {
  expect(sectionsOf([{ offset: 256, bytes: 10 }], 266)).toEqual([{ start: 0, end: 266 }]);
});

test("every extent lies whole in the section found for it, and sections don't overlap", () =>
  fc.assert(
    fc.property(extents, fc.integer({ min: 1, max: 500 }), (list, most) => {
      const sections = sectionsOf(list, most);
      for (const { offset, bytes } of list) {
        const { start, end } = sections[sectionAt(sections, offset)]!;
        expect(start).toBeLessThanOrEqual(offset);
        expect(end).toBeGreaterThanOrEqual(offset + bytes);
      }
      sections.slice(1).forEach(({ start }, i) => expect(sections[i]!.end).toBeLessThanOrEqual(start));
    }),
  ));

test("larger than allowed only where bytes that overlap are", () =>
  fc.assert(
    fc.property(extents, fc.integer({ min: 1, max: 500 }), (list, most) => {
      for (const { start, end } of sectionsOf(list, most)) {
        if (end - start <= most) continue;
        // No byte inside at which the section could be cut.
        for (let cut = start + 1; cut < end; cut++)
          expect(list.some(({ offset, bytes }) => offset < cut && cut < offset + bytes)).toBe(true);
      }
    }),
  ));

test("disjoint extents need no more sections than filling one after another", () => {
  const list = Array.from({ length: 10 }, (_, i) => ({ offset: i * 256, bytes: 256 }));
  expect(sectionsOf(list, 1000)).toEqual([
    { start: 0, end: 768 },
    { start: 768, end: 1536 },
    { start: 1536, end: 2304 },
    { start: 2304, end: 2560 },
  ]);
});
