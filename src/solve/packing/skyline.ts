/**
 * Skyline greedy in O(n log n): keeps the upper contour of what is placed as flat segments, takes
 * the lowest one, and puts on it the buffer of highest priority whose lifetime fits within it, or
 * raises the segment to its lower neighbour where none fits. No buffer ever lies under another that
 * was placed before, so the contour alone decides, and nothing is compared pair by pair.
 */
import type { Sections } from "./sections.ts";

/** One pass by falling `priority` (positive). Fills `offsets`; returns the height, or Infinity where it reaches `limit`. */
export type SkylinePass = (priority: Float64Array, offsets: Float64Array, limit?: number) => number;

/** Buffers that are looked at one by one rather than through the tree. */
const FEW = 48;

/** Passes over the same buffers share their tables. */
export function skylinePacker({ from, to, byStart, count }: Sections, sizes: Float64Array): SkylinePass {
  const n = sizes.length;
  if (n === 0) return () => 0;
  // Segment tree over buffers by start: least end and highest priority of each subtree.
  let leaves = 1;
  while (leaves < n) leaves *= 2;
  const GONE = 0x7fffffff;
  const leastEnd = new Int32Array(2 * leaves);
  const most = new Float64Array(2 * leaves);
  const pull = (k: number): void => {
    leastEnd[k] = Math.min(leastEnd[2 * k]!, leastEnd[2 * k + 1]!);
    most[k] = Math.max(most[2 * k]!, most[2 * k + 1]!);
  };
  const firstRank = new Int32Array(count + 1);
  for (let s = 0, rank = 0; s <= count; s++) {
    while (rank < n && from[byStart[rank]!]! < s) rank++;
    firstRank[s] = rank;
  }

  let found = -1;
  let foundPriority = -1;
  /** Highest priority among ranks >= `first` that end by `end`, best branch first. */
  const query = (k: number, left: number, right: number, first: number, end: number): void => {
    if (right <= first || most[k]! <= foundPriority || leastEnd[k]! > end) return;
    if (k >= leaves) {
      foundPriority = most[k]!;
      found = k - leaves;
      return;
    }
    const middle = (left + right) >> 1;
    if (most[2 * k]! >= most[2 * k + 1]!) {
      query(2 * k, left, middle, first, end);
      query(2 * k + 1, middle, right, first, end);
    } else {
      query(2 * k + 1, middle, right, first, end);
      query(2 * k, left, middle, first, end);
    }
  };

  // The contour: segments by their first section, as a linked list, in a heap by (height, start).
  const segmentEnd = new Int32Array(count + 1);
  const height = new Float64Array(count + 1);
  const before = new Int32Array(count + 2);
  const heap: number[] = [];
  const position = new Int32Array(count + 1);
  const lower = (a: number, b: number): boolean => height[a]! < height[b]! || (height[a] === height[b] && a < b);
  const up = (start: number): void => {
    let i = start;
    const item = heap[i]!;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!lower(item, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      position[heap[i]!] = i;
      i = parent;
    }
    heap[i] = item;
    position[item] = i;
  };
  const down = (start: number): void => {
    let i = start;
    const item = heap[i]!;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && lower(heap[child + 1]!, heap[child]!)) child++;
      if (!lower(heap[child]!, item)) break;
      heap[i] = heap[child]!;
      position[heap[i]!] = i;
      i = child;
    }
    heap[i] = item;
    position[item] = i;
  };
  const push = (item: number): void => {
    heap.push(item);
    up(heap.length - 1);
  };
  const drop = (item: number): void => {
    const i = position[item]!;
    position[item] = -1;
    const last = heap.pop()!;
    if (i >= heap.length) return;
    heap[i] = last;
    position[last] = i;
    up(i);
    down(position[last]!);
  };
  const absorb = (segment: number, next: number): void => {
    segmentEnd[segment] = segmentEnd[next]!;
    if (segmentEnd[next]! < count) before[segmentEnd[next]!] = segment;
    drop(next);
  };

  return (priority, offsets, limit = Infinity) => {
    leastEnd.fill(GONE);
    most.fill(-1);
    for (let rank = 0; rank < n; rank++) {
      leastEnd[leaves + rank] = to[byStart[rank]!]!;
      most[leaves + rank] = priority[byStart[rank]!]!;
    }
    for (let k = leaves - 1; k >= 1; k--) pull(k);
    heap.length = 0;
    position.fill(-1);
    before.fill(-1);
    height[0] = 0;
    segmentEnd[0] = count;
    push(0);
    let top = 0;
    for (let left = n; left > 0;) {
      const segment = heap[0]!;
      const end = segmentEnd[segment]!;
      const floor = height[segment]!;
      found = -1;
      foundPriority = -1;
      const lastRank = firstRank[end]!;
      if (lastRank - firstRank[segment]! <= FEW) {
        // Within a narrow segment start few: looked at one by one, in order of memory.
        for (let rank = firstRank[segment]!; rank < lastRank; rank++)
          if (leastEnd[leaves + rank]! <= end && most[leaves + rank]! > foundPriority) {
            foundPriority = most[leaves + rank]!;
            found = rank;
          }
      } else query(1, 0, leaves, firstRank[segment]!, end);
      if (found < 0) {
        const previous = before[segment]!;
        const leftHeight = previous >= 0 ? height[previous]! : Infinity;
        const rightHeight = end < count ? height[end]! : Infinity;
        if (leftHeight <= rightHeight) {
          absorb(previous, segment);
          if (leftHeight === rightHeight) absorb(previous, end);
        } else {
          absorb(segment, end);
          height[segment] = rightHeight;
          down(position[segment]!);
        }
        continue;
      }
      const buffer = byStart[found]!;
      let k = leaves + found;
      leastEnd[k] = GONE;
      most[k] = -1;
      for (k >>= 1; k >= 1; k >>= 1) {
        const oldEnd = leastEnd[k]!;
        const oldMost = most[k]!;
        pull(k);
        // Nothing changes further up.
        if (leastEnd[k] === oldEnd && most[k] === oldMost) break;
      }
      left--;
      offsets[buffer] = floor;
      const above = floor + sizes[buffer]!;
      if (above > top) {
        top = above;
        if (top >= limit) return Infinity;
      }
      const start = from[buffer]!;
      const stop = to[buffer]!;
      // [segment, end) becomes [segment, start) [start, stop) [stop, end).
      if (start > segment) {
        segmentEnd[segment] = start;
        before[start] = segment;
        segmentEnd[start] = stop;
        height[start] = above;
        push(start);
      } else {
        segmentEnd[segment] = stop;
        height[segment] = above;
        down(position[segment]!);
      }
      if (stop < end) {
        before[stop] = start;
        segmentEnd[stop] = end;
        height[stop] = floor;
        push(stop);
        if (end < count) before[end] = stop;
      } else if (end < count) before[end] = start;
      let current = start;
      const previous = before[current]!;
      if (previous >= 0 && height[previous] === height[current]) {
        absorb(previous, current);
        current = previous;
      }
      const next = segmentEnd[current]!;
      if (next < count && height[next] === height[current]) absorb(current, next);
    }
    return top;
  };
}
