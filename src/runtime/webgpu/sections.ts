/**
 * A memory as the buffers that hold it: one where the device allows a buffer of that size, otherwise as
 * few as its placements allow, cut where no placement crosses.
 */

interface Extent {
  readonly offset: number;
  readonly bytes: number;
}

/** Bytes [start, end) of a memory that are one buffer. */
export interface Section {
  readonly start: number;
  readonly end: number;
}

/**
 * Sections of at most `most` bytes that hold all `extents`, in order. Extents that overlap (they live at
 * different times) stay together: where these alone are more, their section is larger than `most`.
 */
export function sectionsOf(extents: readonly Extent[], most: number): readonly Section[] {
  const top = extents.reduce((end, { offset, bytes }) => Math.max(end, offset + bytes), 0);
  if (top <= most) return [{ start: 0, end: top }];
  const groups: { start: number; end: number }[] = [];
  for (const { offset, bytes } of [...extents].sort((a, b) => a.offset - b.offset)) {
    const last = groups.at(-1);
    if (last !== undefined && offset < last.end) last.end = Math.max(last.end, offset + bytes);
    else if (bytes > 0) groups.push({ start: offset, end: offset + bytes });
  }
  const sections: { start: number; end: number }[] = [];
  for (const { start, end } of groups) {
    const last = sections.at(-1);
    if (last !== undefined && end - last.start <= most) last.end = end;
    else sections.push({ start, end });
  }
  return sections;
}

/** Index of the section that holds `offset`. */
export function sectionAt(sections: readonly Section[], offset: number): number {
  let [low, high] = [0, sections.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sections[middle]!.start <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
