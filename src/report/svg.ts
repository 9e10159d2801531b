/** Small pieces of SVG. All text goes through `escapeText`: names come from models. */
import { plainText } from "./table.ts";

export type Attributes = Readonly<Record<string, string | number | undefined>>;

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text for content or for an attribute in double quotes. */
export const escapeText = (text: string): string => plainText(text).replace(/[&<>"]/g, (c) => ENTITIES[c]!);

/** Two decimals at most: pictures of large plans have many numbers. */
const short = (value: string | number): string =>
  typeof value === "number" ? String(Math.round(value * 100) / 100) : escapeText(value);

const attributes = (given: Attributes): string =>
  Object.entries(given)
    .map(([name, value]) => (value === undefined ? "" : ` ${name}="${short(value)}"`))
    .join("");

/** `<name ...>content</name>`; the content is markup already. */
export const element = (name: string, given: Attributes, content?: string): string =>
  content === undefined ? `<${name}${attributes(given)}/>` : `<${name}${attributes(given)}>${content}</${name}>`;

/** A text that starts (or with `text-anchor` ends, or has its middle) at x, y. */
export const label = (x: number, y: number, text: string, given: Attributes = {}): string =>
  element("text", { x, y, ...given }, escapeText(text));

/** Width of a text in pixels, roughly: fonts differ. */
export const textWidth = (text: string, size: number): number => text.length * size * 0.58;

/** `text` cut to a width in pixels at its end, or at its start; empty where fewer letters than `least` fit. */
export function fitted(text: string, size: number, width: number, least = 3, cut: "start" | "end" = "end"): string {
  if (textWidth(text, size) <= width) return text;
  const letters = Math.floor(width / (size * 0.58)) - 1;
  if (letters < least) return "";
  return cut === "end" ? `${text.slice(0, letters)}…` : `…${text.slice(-letters)}`;
}

/** A whole picture on white, with fonts that most machines have. */
export const picture = (width: number, height: number, title: string, content: readonly string[]): string =>
  `${element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      width,
      height,
      viewBox: `0 0 ${short(width)} ${short(height)}`,
      "font-family": "Helvetica, Arial, 'DejaVu Sans', sans-serif",
      "font-size": 11,
      role: "img",
    },
    `\n${[element("title", {}, escapeText(title)), element("rect", { width, height, fill: "#ffffff" }), ...content].join("\n")}\n`,
  )}\n`;

/** Round values from 0 to `top`, about `count` of them. */
export function ticks(top: number, count: number): number[] {
  if (!(top > 0)) return [0];
  const raw = top / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= raw)!;
  const all: number[] = [];
  for (let k = 0; k * step <= top * (1 + 1e-9); k++) all.push(k * step);
  return all;
}
