/**
 * Boxes of one arena: skyline passes over everything, keeping the best packing of each component; then
 * every technique on the components that are still too high.
 */
import { loadBound, type Bound } from "./bounds.ts";
import { partOf, type Boxes } from "./boxes.ts";
import { improve } from "./component.ts";
import { left, spent, within, type Effort } from "./effort.ts";
import { fitPack } from "./fits.ts";
import { skylineRules } from "./greedy.ts";
import { offer, type Aim, type Incumbent } from "./incumbent.ts";
import { byFalling } from "./order.ts";
import { peel } from "./peel.ts";
import { cutsOf } from "./sections.ts";
import { skylinePacker } from "./skyline.ts";
import type { Switches } from "./switches.ts";

/** Above this, peeled buffers would take too long to put back. */
const PEEL_LIMIT = 3000;

/** `hint`: an offset for each box, in bytes; undefined where there is none. `aim.goal` is raised to the bound. */
export function solveBoxes(
  boxes: Boxes,
  aim: Aim,
  switches: Switches,
  effort: Effort,
  hint: ((box: number) => number | undefined) | undefined,
): Incumbent {
  const n = boxes.count;
  const bound = loadBound(boxes);
  const best: Incumbent = {
    boxes,
    offsets: new Float64Array(n),
    height: n === 0 ? 0 : Infinity,
    bound,
    method: "none",
  };
  if (n === 0) return best;
  const target: Aim = { goal: Math.max(aim.goal, bound.bytes), capacity: aim.capacity };
  const cuts = switches.split ? cutsOf(boxes.sections) : Int32Array.of(0, boxes.sections.count);
  const trial = new Float64Array(n);
  // The packing of each component is its own affair: take the best of each.
  const parts = partsOf(boxes, cuts);
  const heights = new Float64Array(cuts.length - 1).fill(Infinity);
  const methods = new Array<string>(cuts.length - 1).fill("none");
  const take = (method: string): void => {
    const found = new Float64Array(heights.length);
    for (let i = 0; i < n; i++) {
      const { unit, rules } = boxes;
      const end = (trial[i]! + boxes.size[i]!) * unit - (rules === undefined ? 0 : rules.pad[i]!);
      if (end > found[parts[i]!]!) found[parts[i]!] = end;
    }
    for (let i = 0; i < n; i++) if (found[parts[i]!]! < heights[parts[i]!]!) best.offsets[i] = trial[i]!;
    let height = 0;
    for (let p = 0; p < heights.length; p++) {
      if (found[p]! < heights[p]!) {
        heights[p] = found[p]!;
        methods[p] = method;
      }
      if (heights[p]! > height) {
        height = heights[p]!;
        best.method = methods[p]!;
      }
    }
    effort.count.steps += n;
    if (height < best.height) {
      best.height = height;
      effort.report(method, height, bound.bytes);
    }
  };
  const done = (): boolean =>
    best.height < Infinity && (best.height <= target.goal || spent(effort) || bound.bytes > target.capacity);
  if (switches.hints && hint !== undefined && n <= PEEL_LIMIT) {
    const wish = Float64Array.from({ length: n }, (_, i) => hint(i) ?? Infinity);
    fitPack(
      boxes,
      byFalling(
        wish.map((offset) => -offset),
        boxes.size,
      ),
      false,
      trial,
    );
    take("hints");
  }
  if (switches.skyline && boxes.rules?.rigid !== true) {
    let pass: ReturnType<typeof skylinePacker> | undefined;
    for (const [name, priority] of skylineRules(boxes)) {
      if (done()) break;
      pass ??= skylinePacker(boxes.sections, boxes.size);
      pass(priority(), trial);
      take(`skyline by ${name}`);
    }
  }
  if (done()) return best;

  const members = new Map<number, number[]>();
  for (let i = 0; i < n; i++) {
    const p = parts[i]!;
    if (heights[p]! <= target.goal) continue;
    const list = members.get(p);
    if (list === undefined) members.set(p, [i]);
    else list.push(i);
  }
  const open = [...members]
    .map(([p, list]) => {
      const index = Int32Array.from(list);
      const part = list.length === n ? boxes : partOf(boxes, index);
      const own: Incumbent = {
        boxes: part,
        offsets: Float64Array.from(index, (i) => best.offsets[i]!),
        height: heights[p]!,
        bound: list.length === n ? bound : loadBound(part),
        method: methods[p]!,
      };
      return { p, index, own };
    })
    .sort((a, b) => b.own.bound.bytes - a.own.bound.bytes || a.p - b.p);
  let proven: Bound = bound;
  let needed = target.goal;
  open.forEach(({ p, index, own }, k) => {
    if (spent(effort) && own.height < Infinity) return;
    // Lower than what another component needs anyway is low enough.
    const share = left(effort) / (open.length - k);
    const others = heights.reduce((most, height, q) => (q === p ? most : Math.max(most, height)), proven.bytes);
    const part: Effort = {
      ...within(effort, share),
      report: (method, height, lowerBound) =>
        effort.report(method, Math.max(height, others), Math.max(lowerBound, proven.bytes)),
    };
    solvePart(own, { goal: needed, capacity: target.capacity }, switches, part);
    heights[p] = own.height;
    methods[p] = own.method;
    index.forEach((i, j) => (best.offsets[i] = own.offsets[j]!));
    if (own.bound.bytes > proven.bytes) proven = own.bound;
    if (own.height <= target.capacity || target.capacity === Infinity) needed = Math.max(needed, own.height);
    effort.report(own.method, Math.max(others, own.height), proven.bytes);
  });
  best.height = 0;
  heights.forEach((height, p) => {
    if (height <= best.height) return;
    best.height = height;
    best.method = methods[p]!;
  });
  best.bound = proven.bytes > best.height ? { ...proven, bytes: best.height } : proven;
  return best;
}

/** One component, without what finds a place anyway. */
function solvePart(own: Incumbent, aim: Aim, switches: Switches, effort: Effort): void {
  const { boxes } = own;
  if (!switches.peel || boxes.count > PEEL_LIMIT) return improve(own, aim, switches, effort);
  const floor = Math.max(own.bound.bytes, aim.goal);
  const { rest, later } = peel(boxes, floor);
  if (later.length === 0) return improve(own, aim, switches, effort);
  const core = partOf(boxes, rest);
  const packed = solveBoxes(core, { ...aim, goal: floor }, { ...switches, peel: false }, effort, undefined);
  const trial = new Float64Array(boxes.count);
  rest.forEach((i, k) => (trial[i] = packed.offsets[k]!));
  fitPack(boxes, later, false, trial, rest);
  offer(own, trial, packed.method);
  if (packed.bound.bytes > own.bound.bytes)
    own.bound = { ...packed.bound, bytes: Math.min(packed.bound.bytes, own.height) };
}

/** Component of each box. */
function partsOf({ count, sections }: Boxes, cuts: Int32Array): Int32Array {
  const ofSection = new Int32Array(sections.count);
  for (let c = 0; c + 1 < cuts.length; c++) ofSection.fill(c, cuts[c]!, cuts[c + 1]!);
  return Int32Array.from({ length: count }, (_, i) => ofSection[sections.from[i]!]!);
}
