/**
 * A packing drawn as SVG: time across, address up, an arena a panel. Buffers are coloured by how long they live;
 * the line above them is what is alive, so that white below it is waste. Buffers below a pixel share a path, so
 * that files of many thousands stay small.
 */
import type { PackingBuffer, PackingProblem, PackingResult } from "../solve/packing/types.ts";
import { formatBytes } from "./bytes.ts";

export interface PlotOptions {
  readonly title?: string;
  /** Pixels. */
  readonly width?: number;
  readonly height?: number;
}

/** Short lives to long ones; dark to light, told apart without colour vision as well. */
const COLOURS = ["#482878", "#3e4989", "#26828e", "#35b779", "#90d743", "#f0c93a"] as const;
const INK = ["#fff", "#fff", "#fff", "#10241a", "#10241a", "#10241a"] as const;
const LEFT = 84;
const RIGHT = 24;
const TOP = 74;
const BOTTOM = 52;
const BETWEEN = 34;
const MOST_LABELS = 400;
/** Finer than a pixel, so that edges keep their place; equal rectangles are drawn once. */
const GRID = 4;

interface Rect {
  readonly buffer: number;
  readonly lower: number;
  readonly upper: number;
  readonly from: number;
  readonly to: number;
}

/** The drawing; a packing without buffers is an empty frame. */
export function packingSvg(problem: PackingProblem, result: PackingResult, options: PlotOptions = {}): string {
  const { buffers } = problem;
  const width = options.width ?? 1280;
  const height = options.height ?? 760;
  const arenas = problem.arenas ?? [{}];
  const panels: Rect[][] = arenas.map(() => []);
  let first = Infinity;
  let last = -Infinity;
  buffers.forEach((buffer, i) => {
    for (const rect of rectsOf(buffer, i, result.offsets[i]!)) {
      panels[result.arenas?.[i] ?? 0]!.push(rect);
      first = Math.min(first, rect.lower);
      last = Math.max(last, rect.upper);
    }
  });
  if (first >= last) [first, last] = [0, 1];
  const shades = shadesOf(buffers);
  const plotWidth = width - LEFT - RIGHT;
  // Names of arenas stand below the legend.
  const start = TOP + (arenas.length > 1 ? 18 : 0);
  const panelHeight = (height - start - BOTTOM - BETWEEN * (arenas.length - 1)) / arenas.length;
  const x = (time: number): number => LEFT + ((time - first) / (last - first)) * plotWidth;

  const body = panels.map((rects, a) => {
    const top = start + a * (panelHeight + BETWEEN);
    const capacity = arenas[a]!.capacity ?? (a === 0 ? problem.capacity : undefined);
    const used = rects.reduce((most, { to }) => Math.max(most, to), 0);
    const bound = arenas.length === 1 ? result.lowerBound : undefined;
    // A capacity far above what is used would press the packing flat.
    const shown = capacity !== undefined && capacity <= used * 1.25 ? capacity : undefined;
    const most = Math.max(used, bound ?? 0, shown ?? 0, 1) * 1.03;
    const y = (bytes: number): number => top + panelHeight * (1 - bytes / most);
    return [
      axes(x, y, { first, last, most, top, bottom: top + panelHeight, width, named: a === arenas.length - 1 }),
      arenas[a]!.forbidden?.map(([from, to]) => {
        const [high, low] = [y(Math.min(to, most)), y(Math.min(from, most))];
        return `<rect x="${LEFT}" y="${fix(high)}" width="${plotWidth}" height="${fix(low - high)}" fill="url(#forbidden)"/>`;
      }),
      boxes(rects, buffers, x, y, (i) => shades.of(buffers[i]!.upper - buffers[i]!.lower)),
      loadLine(rects, x, y, buffers),
      bound === undefined ? "" : rule(y(bound), width, "#c2185b", ""),
      shown === undefined ? "" : rule(y(shown), width, "#555", "2 4"),
      arenas.length === 1
        ? ""
        : `<text x="${LEFT}" y="${fix(top - 8)}" font-weight="600">${escape(arenas[a]!.name ?? `arena ${a}`)}</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="DejaVu Sans, Verdana, Helvetica, Arial, sans-serif" font-size="11" fill="#333">`,
    `<defs><pattern id="forbidden" width="8" height="8" patternUnits="userSpaceOnUse"><path d="M0 8L8 0" stroke="#999"/></pattern></defs>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    heading(problem, result, options.title ?? "packing", shades.edges, width),
    ...body.flat(2).filter((part) => part !== undefined && part !== ""),
    `</svg>\n`,
  ].join("\n");
}

/** What the buffer takes of time and addresses: cut at its gaps. */
function rectsOf({ lower, upper, size, gaps = [] }: PackingBuffer, buffer: number, offset: number): Rect[] {
  const rects: Rect[] = [];
  const add = (from: number, until: number, low: number, high: number): void => {
    if (until > from && high > low)
      rects.push({ buffer, lower: from, upper: until, from: offset + low, to: offset + high });
  };
  let at = lower;
  for (const gap of gaps) {
    add(at, gap.lower, 0, size);
    const [low, high] = gap.window ?? [0, 0];
    add(gap.lower, gap.upper, low, high);
    at = gap.upper;
  }
  add(at, upper, 0, size);
  return rects;
}

/** Classes of lifetimes with about as much of the count and of the drawn area each. */
function shadesOf(buffers: readonly PackingBuffer[]): { readonly edges: readonly number[]; of(span: number): number } {
  const boxes = buffers
    .map(({ lower, upper, size }) => ({ span: upper - lower, area: (upper - lower) * size }))
    .filter(({ span }) => span > 0)
    .sort((a, b) => a.span - b.span);
  const area = Math.max(
    1,
    boxes.reduce((sum, box) => sum + box.area, 0),
  );
  const edges: number[] = [];
  let share = 0;
  for (const box of boxes) {
    if (share * COLOURS.length >= 2 * (edges.length + 1) && box.span > (edges.at(-1) ?? boxes[0]!.span))
      edges.push(box.span);
    share += 1 / boxes.length + box.area / area;
  }
  if (edges.length >= COLOURS.length) edges.length = COLOURS.length - 1;
  // Few classes take colours far apart.
  const scale = edges.length === 0 ? 0 : (COLOURS.length - 1) / edges.length;
  const of = (span: number): number => {
    let at = 0;
    while (at < edges.length && span >= edges[at]!) at++;
    return Math.round(at * scale);
  };
  return { edges, of };
}

function boxes(
  rects: readonly Rect[],
  buffers: readonly PackingBuffer[],
  x: (time: number) => number,
  y: (bytes: number) => number,
  shadeOf: (buffer: number) => number,
): string[] {
  const small = COLOURS.map(() => new Set<string>());
  const large = COLOURS.map(() => [] as string[]);
  const aliases: string[] = [];
  const pins: string[] = [];
  const labelled: { readonly area: number; readonly text: string }[] = [];
  for (const { buffer, lower, upper, from, to } of rects) {
    const [left, right] = [snap(x(lower)), snap(x(upper))];
    const [high, low] = [snap(y(to)), snap(y(from))];
    const wide = Math.max(right - left, 1 / GRID);
    const tall = Math.max(low - high, 1 / GRID);
    const path = `M${fix(left)} ${fix(high)}h${fix(wide)}v${fix(tall)}h${fix(-wide)}z`;
    const { inside, offset, id } = buffers[buffer]!;
    const shade = shadeOf(buffer);
    if (inside !== undefined) aliases.push(path);
    else if (wide >= 3 && tall >= 3) large[shade]!.push(path);
    else small[shade]!.add(path);
    if (offset !== undefined && wide >= 3 && tall >= 3) pins.push(path);
    const name = id ?? String(buffer);
    const room = Math.floor((wide - 6) / 6.2);
    if (inside !== undefined || tall < 12 || room < Math.min(3, name.length)) continue;
    const short = name.length <= room ? name : `${name.slice(0, room - 1)}…`;
    const size = `: ${formatBytes(to - from)}`;
    const full = name.length + size.length <= room ? `${short}${size}` : short;
    labelled.push({
      area: wide * tall,
      text: `<text x="${fix(left + wide / 2)}" y="${fix(high + tall / 2 + 3.6)}" fill="${INK[shade]!}">${escape(full)}</text>`,
    });
  }
  labelled.sort((a, b) => b.area - a.area);
  const labels = labelled.slice(0, MOST_LABELS).map(({ text }) => text);
  return [
    ...COLOURS.map((colour, c) =>
      small[c]!.size === 0 ? "" : `<path fill="${colour}" d="${[...small[c]!].join("")}"/>`,
    ),
    ...COLOURS.map((colour, c) =>
      large[c]!.length === 0
        ? ""
        : `<path fill="${colour}" stroke="#fff" stroke-width="0.6" d="${large[c]!.join("")}"/>`,
    ),
    aliases.length === 0
      ? ""
      : `<path fill="none" stroke="#000" stroke-width="0.8" stroke-dasharray="2 2" d="${aliases.join("")}"/>`,
    pins.length === 0 ? "" : `<path fill="none" stroke="#d7263d" stroke-width="1.2" d="${pins.join("")}"/>`,
    labels.length === 0 ? "" : `<g text-anchor="middle" font-size="10">${labels.join("")}</g>`,
  ];
}

/** Bytes alive over time, at most a step a pixel. */
function loadLine(
  rects: readonly Rect[],
  x: (time: number) => number,
  y: (bytes: number) => number,
  buffers: readonly PackingBuffer[],
): string {
  const changes = rects
    .filter(({ buffer }) => buffers[buffer]!.inside === undefined)
    .flatMap(({ lower, upper, from, to }) => [
      { at: lower, bytes: to - from },
      { at: upper, bytes: from - to },
    ]);
  if (changes.length === 0) return "";
  changes.sort((a, b) => a.at - b.at);
  let path = `M${fix(x(changes[0]!.at))} ${fix(y(0))}`;
  let load = 0;
  let column = -1;
  let most = 0;
  for (let i = 0; i < changes.length;) {
    const { at } = changes[i]!;
    while (i < changes.length && changes[i]!.at === at) load += changes[i++]!.bytes;
    // Of all that happens within half a pixel, the most.
    const here = Math.floor(x(at) * 2);
    const next = i < changes.length ? Math.floor(x(changes[i]!.at) * 2) : -1;
    if (here !== column) [column, most] = [here, 0];
    most = Math.max(most, load);
    if (next !== here) path += `H${fix(x(at))}V${fix(y(i < changes.length ? most : 0))}`;
  }
  return `<path fill="none" stroke="#111" stroke-width="1" stroke-opacity="0.75" d="${path}"/>`;
}

interface Frame {
  readonly first: number;
  readonly last: number;
  readonly most: number;
  readonly top: number;
  readonly bottom: number;
  readonly width: number;
  /** Whether the times are written below. */
  readonly named: boolean;
}

function axes(
  x: (time: number) => number,
  y: (bytes: number) => number,
  { first, last, most, top, bottom, width, named }: Frame,
): string[] {
  const parts: string[] = [];
  const room = Math.max(2, Math.floor((bottom - top) / 70));
  for (const bytes of ticks(0, most, room)) {
    const at = fix(y(bytes));
    parts.push(`<path d="M${LEFT} ${at}H${width - RIGHT}" stroke="#e4e4e4"/>`);
    parts.push(`<text x="${LEFT - 8}" y="${fix(y(bytes) + 4)}" text-anchor="end">${formatBytes(bytes)}</text>`);
  }
  for (const time of ticks(first, last, 10)) {
    const at = fix(x(time));
    parts.push(`<path d="M${at} ${fix(bottom)}v5" stroke="#777"/>`);
    if (named) parts.push(`<text x="${at}" y="${fix(bottom + 18)}" text-anchor="middle">${time}</text>`);
  }
  parts.push(`<path d="M${LEFT} ${fix(top)}V${fix(bottom)}H${width - RIGHT}" fill="none" stroke="#777"/>`);
  if (named)
    parts.push(
      `<text x="${fix((LEFT + width - RIGHT) / 2)}" y="${fix(bottom + 38)}" text-anchor="middle">time</text>`,
      `<text transform="translate(16 ${fix((TOP + bottom) / 2)}) rotate(-90)" text-anchor="middle">address</text>`,
    );
  return parts;
}

const rule = (at: number, width: number, colour: string, dash: string): string =>
  `<path d="M${LEFT} ${fix(at)}H${width - RIGHT}" stroke="${colour}" stroke-width="1.6"${dash === "" ? "" : ` stroke-dasharray="${dash}"`}/>`;

function heading(
  { buffers, capacity, arenas }: PackingProblem,
  { height, lowerBound, bound = "load", status, method }: PackingResult,
  title: string,
  edges: readonly number[],
  width: number,
): string {
  const room = capacity === undefined ? "" : `, capacity ${capacity}`;
  const facts = `${buffers.length} buffers, height ${height}, bound ${lowerBound} by ${bound}${room}: ${status}, by ${method}`;
  const scale = edges.length === 0 ? 0 : (COLOURS.length - 1) / edges.length;
  let x = LEFT;
  const items: string[] = [];
  const item = (drawn: (x: number) => string, words: string): void => {
    items.push(`${drawn(x)}<text x="${x + 20}" y="58">${escape(words)}</text>`);
    x += 20 + words.length * 6.4 + 18;
  };
  const swatch = (colour: string) => (at: number) => `<rect x="${at}" y="48" width="14" height="12" fill="${colour}"/>`;
  const stroke = (colour: string, dash: string) => (at: number) =>
    `<path d="M${at} 54h14" stroke="${colour}" stroke-width="1.6"${dash === "" ? "" : ` stroke-dasharray="${dash}"`}/>`;
  for (let c = 0; c <= edges.length; c++) {
    const [low, high] = [edges[c - 1], edges[c]];
    const range =
      high === undefined
        ? low === undefined
          ? "all"
          : `≥ ${low}`
        : low === undefined
          ? `< ${high}`
          : low === high - 1
            ? `${low}`
            : `${low} – ${high - 1}`;
    item(swatch(COLOURS[Math.round(c * scale)]!), c === 0 ? `alive ${range}` : range);
  }
  item(stroke("#111", ""), "bytes alive");
  if ((arenas?.length ?? 1) === 1) item(stroke("#c2185b", ""), "lower bound");
  if (capacity !== undefined && capacity <= height * 1.25) item(stroke("#555", "2 4"), "capacity");
  if (buffers.some(({ offset }) => offset !== undefined)) item(stroke("#d7263d", ""), "fixed");
  const most = Math.floor((width - LEFT - RIGHT) / 9);
  const name = title.length > most ? `…${title.slice(1 - most)}` : title;
  return `<text x="${LEFT}" y="20" font-size="14" font-weight="600">${escape(name)}</text><text x="${LEFT}" y="38">${escape(facts)}</text>${items.join("")}`;
}

/** Round numbers in [from, to], about so many. */
function ticks(from: number, to: number, count: number): number[] {
  const rough = (to - from) / count;
  const scale = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = Math.max(1, [1, 2, 5, 10].map((factor) => factor * scale).find((width) => width >= rough) ?? 10 * scale);
  const all: number[] = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to && all.length < 100; tick += step) all.push(tick);
  return all;
}

const snap = (pixels: number): number => Math.round(pixels * GRID) / GRID;
const fix = (pixels: number): string => String(Math.round(pixels * 100) / 100);

const escape = (text: string): string =>
  text
    // oxlint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001f\u007f-\u009f\ufffe\uffff]|[\ud800-\udfff]/gu, "?")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
