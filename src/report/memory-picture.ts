/**
 * The picture of a memory over a plan: address against step, as in "Optimizing Memory Mapping Using Deep
 * Reinforcement Learning" (Wang et al., 2023). What is being fetched or stored is hatched; below it, the time of each
 * step.
 */
import type { Plan } from "../plan/schema.ts";
import { formatBytes, formatSeconds } from "./bytes.ts";
import { mappingFigures } from "./summary.ts";
import { element, escapeText, fitted, label, picture, textWidth, ticks } from "./svg.ts";

export interface PictureOptions {
  /** The memory; the fast one of mapped plans where left out, else that of the activations. */
  readonly memory?: string | undefined;
  /** Pixels. */
  readonly width?: number;
}

const COLOURS = {
  weight: "#4c78a8",
  activation: "#59a14f",
  input: "#b07aa1",
  output: "#f28e2b",
  temporary: "#9c9c9c",
} as const;
const KIND_NAMES = {
  weight: "weights",
  activation: "activations",
  input: "inputs",
  output: "outputs",
  temporary: "scratch",
} as const;
type Kind = keyof typeof COLOURS;
const KINDS = Object.keys(COLOURS) as readonly Kind[];

const INK = "#333333";
const FAINT = "#dddddd";
const ALARM = "#c0392b";
const LEFT = 84;
const RIGHT = 24;
const PLOT_HEIGHT = 380;
const TIME_HEIGHT = 64;
/** Steps whose names all fit. */
const NAMED_STEPS = 90;

interface Block {
  readonly value: number;
  readonly name: string;
  readonly kind: Kind;
  readonly offset: number;
  readonly bytes: number;
  /** Columns [from, to). */
  readonly from: number;
  readonly to: number;
  /** Columns in which it is fetched, and in which it is stored. */
  readonly fetched: readonly (readonly [number, number])[];
  readonly stored: readonly (readonly [number, number])[];
}

interface Columns {
  /** One a kernel step, and one before the first where copies go ahead of it. */
  readonly count: number;
  readonly lead: boolean;
  /** Column of a step of the plan; for a copy, of the kernel step that follows. */
  readonly of: (step: number) => number;
  readonly nodes: readonly string[];
  readonly seconds: readonly number[];
  /** Waiting after the column's step, or before the first. */
  readonly stalls: readonly number[];
}

function columnsOf(plan: Plan): Columns {
  const firstKernel = plan.steps.findIndex((step) => step.kind === "kernel");
  const lead = plan.steps.some((step, i) => step.kind === "copy" && step.done === i && i < firstKernel);
  const nodes: string[] = lead ? ["(before the first step)"] : [];
  const seconds: number[] = lead ? [0] : [];
  const stalls: number[] = lead ? [0] : [];
  const at: number[] = [];
  plan.steps.forEach((step, i) => {
    // A copy that nothing runs beside is in the column of the kernel before it.
    const alone = step.kind === "copy" && step.done === i;
    at[i] = lead && i < firstKernel && alone ? 0 : nodes.length;
    if (step.kind === "copy") return;
    nodes.push(step.node);
    seconds.push(step.seconds);
    stalls.push(0);
  });
  const last = Math.max(0, nodes.length - 1);
  const of = (step: number): number => Math.min(last, at[step] ?? last);
  plan.steps.forEach((step) => {
    if (step.kind === "copy" && (step.stallSeconds ?? 0) > 0) stalls[of(step.done)]! += step.stallSeconds!;
  });
  return { count: Math.max(1, nodes.length), lead, of, nodes, seconds, stalls };
}

function blocksOf(plan: Plan, memory: string, columns: Columns): Block[] {
  const copies = plan.steps.flatMap((step) => (step.kind === "copy" ? [step] : []));
  const byValue = new Map<number, typeof copies>();
  for (const copy of copies) byValue.set(copy.value, [...(byValue.get(copy.value) ?? []), copy]);
  return plan.placements
    .filter((placed) => placed.memory === memory && placed.bytes > 0)
    .map((placed): Block => {
      const { name, kind } = plan.values[placed.value]!;
      const own = (byValue.get(placed.value) ?? []).filter(({ start }) => placed.from <= start && start < placed.to);
      const spans = (wanted: (copy: (typeof copies)[number]) => boolean): [number, number][] =>
        own.filter(wanted).map(({ start, done }) => [columns.of(start), columns.of(done) + 1]);
      return {
        value: placed.value,
        name,
        kind,
        offset: placed.offset,
        bytes: placed.bytes,
        from: columns.of(placed.from),
        to: columns.of(placed.to - 1) + 1,
        fetched: spans(({ to }) => to === memory),
        stored: spans(({ from }) => from === memory),
      };
    });
}

/** Patterns for what is under way, one for each direction. */
const PATTERNS = element(
  "defs",
  {},
  (
    [
      ["fetch", "M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2"],
      ["store", "M-1,5 l2,2 M0,0 l6,6 M5,-1 l2,2"],
    ] as const
  )
    .map(([id, d]) =>
      element(
        "pattern",
        { id, width: 6, height: 6, patternUnits: "userSpaceOnUse" },
        element("rect", { width: 6, height: 6, fill: "#ffffff", "fill-opacity": 0.45 }) +
          element("path", { d, stroke: "#ffffff", "stroke-width": 1.6 }),
      ),
    )
    .join(""),
);

interface Scale {
  readonly x: (column: number) => number;
  readonly y: (address: number) => number;
  readonly top: number;
}

function drawBlock(block: Block, { x, y }: Scale): string {
  const { offset, bytes, from, to, fetched, stored } = block;
  const box = (start: number, end: number) => ({
    x: x(start),
    y: y(offset + bytes),
    width: Math.max(0.8, x(end) - x(start)),
    height: Math.max(0.8, y(offset) - y(offset + bytes)),
  });
  const whole = box(from, to);
  const parts = [
    element("rect", {
      ...whole,
      fill: COLOURS[block.kind],
      stroke: "#ffffff",
      "stroke-width": Math.min(0.8, whole.height / 4, whole.width / 4),
    }),
    ...fetched.map(([start, end]) => element("rect", { ...box(start, end), fill: "url(#fetch)" })),
    ...stored.map(([start, end]) => element("rect", { ...box(start, end), fill: "url(#store)" })),
  ];
  // Arrows where a copy starts to come in and where one has gone out, on blocks that have room for them.
  const middle = whole.y + whole.height / 2;
  if (whole.height >= 8 && x(1) - x(0) >= 5) {
    for (const [start] of fetched) parts.push(arrow(x(start) + 1, middle));
    for (const [, end] of stored) parts.push(arrow(x(end) - 5, middle));
  }
  const size = 10;
  const left = fetched.some(([start]) => start === from) ? 8 : 4;
  // Bold is wider.
  const text = whole.height >= size + 3 ? fitted(block.name, size * 1.12, whole.width - left - 4, 7) : "";
  if (text !== "")
    parts.push(
      label(whole.x + left, middle + size * 0.35, text, {
        "font-size": size,
        fill: "#ffffff",
        stroke: COLOURS[block.kind],
        "stroke-width": 4,
        "stroke-linejoin": "round",
        "paint-order": "stroke",
        "font-weight": "bold",
      }),
    );
  const title = `${block.name}: ${formatBytes(bytes)} at ${offset}`;
  return element("g", {}, `${element("title", {}, escapeText(title))}${parts.join("")}`);
}

const arrow = (x: number, y: number): string => {
  const at = (dx: number, dy: number): string => `${(x + dx).toFixed(1)},${(y + dy).toFixed(1)}`;
  return element("polygon", { points: `${at(0, -3)} ${at(4, 0)} ${at(0, 3)}`, fill: INK });
};

/** Squares of colour and hatching with their names, from x on. */
function drawLegend(kinds: readonly Kind[], hatched: { fetch: boolean; store: boolean }, x: number, y: number): string {
  const parts: string[] = [];
  let at = x;
  const item = (fill: string, name: string, hatch?: string): void => {
    const square = { x: at, y: y - 9, width: 12, height: 11 };
    parts.push(element("rect", { ...square, fill }));
    if (hatch !== undefined) parts.push(element("rect", { ...square, fill: `url(#${hatch})` }));
    parts.push(label(at + 17, y, name, { fill: INK }));
    at += 17 + textWidth(name, 11) + 14;
  };
  for (const kind of kinds) item(COLOURS[kind], KIND_NAMES[kind]);
  if (hatched.fetch) item("#777777", "being fetched", "fetch");
  if (hatched.store) item("#777777", "being stored", "store");
  return parts.join("");
}

function drawAxes(scale: Scale, columns: Columns, bottom: number, right: number): string {
  const parts: string[] = [];
  for (const address of ticks(scale.top, 6)) {
    const y = scale.y(address);
    parts.push(element("line", { x1: LEFT, y1: y, x2: right, y2: y, stroke: FAINT }));
    parts.push(label(LEFT - 6, y + 4, formatBytes(address), { "text-anchor": "end", fill: INK }));
  }
  const room = scale.x(1) - scale.x(0);
  const every = Math.max(1, Math.ceil(11 / room));
  if (columns.count <= NAMED_STEPS)
    for (let c = 0; c <= columns.count; c++)
      parts.push(
        element("line", { x1: scale.x(c), y1: bottom, x2: scale.x(c), y2: bottom - PLOT_HEIGHT, stroke: "#f2f2f2" }),
      );
  for (let c = 0; c < columns.count; c += every) {
    const x = scale.x(c + 0.5) + 3;
    const y = bottom + 20 + TIME_HEIGHT + 14;
    parts.push(
      label(x, y, fitted(columns.nodes[c] ?? "", 10, 128, 3, "start"), {
        "font-size": 10,
        "text-anchor": "end",
        fill: INK,
        transform: `rotate(-50 ${x.toFixed(1)} ${y.toFixed(1)})`,
      }),
    );
  }
  return parts.join("");
}

function drawTimes(columns: Columns, scale: Scale, top: number, right: number): string {
  const bottom = top + TIME_HEIGHT;
  const most = columns.seconds.reduce((max, seconds, c) => Math.max(max, seconds + columns.stalls[c]!), 0);
  const height = (seconds: number): number => (most > 0 ? (seconds / most) * TIME_HEIGHT : 0);
  const parts = [
    label(LEFT - 6, top + 8, formatSeconds(most), { "text-anchor": "end", fill: INK }),
    label(LEFT - 6, bottom, "0", { "text-anchor": "end", fill: INK }),
    label(16, top + TIME_HEIGHT / 2, "time", {
      "text-anchor": "middle",
      fill: INK,
      transform: `rotate(-90 16 ${top + TIME_HEIGHT / 2})`,
    }),
  ];
  columns.seconds.forEach((seconds, c) => {
    const [x, width] = [scale.x(c), Math.max(0.6, scale.x(c + 1) - scale.x(c) - 0.6)];
    const step = height(seconds);
    const stall = height(columns.stalls[c]!);
    parts.push(element("rect", { x, y: bottom - step, width, height: step, fill: "#8aa4bf" }));
    if (stall > 0) parts.push(element("rect", { x, y: bottom - step - stall, width, height: stall, fill: ALARM }));
  });
  parts.push(element("line", { x1: LEFT, y1: bottom, x2: right, y2: bottom, stroke: INK }));
  if (columns.stalls.some((seconds) => seconds > 0)) {
    parts.push(element("rect", { x: right - 96, y: top - 9, width: 10, height: 9, fill: ALARM }));
    parts.push(label(right - 82, top, "waiting for copies", { "font-size": 10, fill: INK }));
  }
  return parts.join("");
}

/** What the picture shows, in numbers. */
function subtitleOf(plan: Plan, memory: string, top: number): string {
  const figures = mappingFigures(plan);
  const used = `${memory} used up to ${formatBytes(top)}`;
  if (figures === undefined) return used;
  const { seconds, allSlowSeconds, bound, gap } = figures;
  return `${formatSeconds(seconds)} simulated; nothing mapped ${formatSeconds(allSlowSeconds)}, bound ${formatSeconds(bound)} (gap ${(100 * gap).toFixed(2)}%); ${used}`;
}

/** Height of a drawing, without what another one would share. */
const HEIGHT = 74 + PLOT_HEIGHT + 20 + TIME_HEIGHT + 136;

/** The memory that a picture of `plan` is of. */
export const pictureMemory = (plan: Plan, { memory }: PictureOptions = {}): string =>
  memory ?? plan.certificate.mapping?.fastMemory ?? plan.target.arenaMemory;

function draw(plan: Plan, memory: string, width: number, from: number): string {
  const columns = columnsOf(plan);
  const blocks = blocksOf(plan, memory, columns);
  const capacity = plan.target.memories.find(({ name }) => name === memory)?.bytes ?? 0;
  const used = blocks.reduce((most, { offset, bytes }) => Math.max(most, offset + bytes), 0);
  // A memory that is mostly empty is not drawn whole.
  const whole = used >= 0.5 * capacity;
  const top = Math.max(1, whole ? capacity : used);
  const right = width - RIGHT;
  const plotTop = from + 74;
  const bottom = plotTop + PLOT_HEIGHT;
  const scale: Scale = {
    top,
    x: (column) => LEFT + (column / columns.count) * (right - LEFT),
    y: (address) => bottom - (address / (1.04 * top)) * PLOT_HEIGHT,
  };
  const kinds = KINDS.filter((kind) => blocks.some((block) => block.kind === kind));
  const hatched = {
    fetch: blocks.some(({ fetched }) => fetched.length > 0),
    store: blocks.some(({ stored }) => stored.length > 0),
  };
  const limit = whole ? scale.y(capacity) : plotTop;
  return [
    label(LEFT, from + 22, `${plan.model.name} on ${plan.target.name}: addresses in ${memory} over the steps`, {
      "font-size": 15,
      "font-weight": "bold",
      fill: INK,
    }),
    label(LEFT, from + 40, subtitleOf(plan, memory, used), { fill: INK }),
    drawLegend(kinds, hatched, LEFT, from + 60),
    drawAxes(scale, columns, bottom, right),
    label(16, (plotTop + bottom) / 2, `address in ${memory}`, {
      "text-anchor": "middle",
      fill: INK,
      transform: `rotate(-90 16 ${(plotTop + bottom) / 2})`,
    }),
    ...blocks.map((block) => drawBlock(block, scale)),
    element("line", { x1: LEFT, y1: limit, x2: right, y2: limit, stroke: ALARM, "stroke-dasharray": "6 4" }),
    label(right, limit - 4, `${whole ? "" : "above: "}capacity ${formatBytes(capacity)}`, {
      "text-anchor": "end",
      fill: ALARM,
    }),
    element("path", { d: `M${LEFT},${plotTop} V${bottom} H${right}`, fill: "none", stroke: INK }),
    drawTimes(columns, scale, bottom + 20, right),
  ].join("\n");
}

/** The picture of one plan, or of two one above the other, as SVG. Every plan has the memory that is asked for. */
export function memoryPicture(plans: readonly Plan[], options: PictureOptions = {}): string {
  const steps = plans.map((plan) => plan.steps.filter(({ kind }) => kind === "kernel").length);
  const width = options.width ?? Math.max(960, Math.min(2400, LEFT + RIGHT + 15 * Math.max(...steps)));
  const title = plans.map((plan) => `${plan.model.name} on ${plan.target.name}`).join(", ");
  return picture(width, HEIGHT * plans.length, title, [
    PATTERNS,
    ...plans.map((plan, i) => draw(plan, pictureMemory(plan, options), width, i * HEIGHT)),
  ]);
}
