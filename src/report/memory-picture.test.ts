import { beforeAll, describe, expect, test } from "vitest";
import { generateModel } from "../../models/index.ts";
import { compile } from "../compile.ts";
import type { Plan } from "../plan/schema.ts";
import { loadTarget, withCapacity } from "../target/index.ts";
import { memoryPicture } from "./memory-picture.ts";
import { renderPng } from "./png.ts";

let mapped: Plan;
let plain: Plan;

beforeAll(async () => {
  const model = generateModel("resnet", { depth: 18, image: 32, width: 8, weights: "none" });
  const target = withCapacity(loadTarget("tpu-v4i-16mib"), new Map([["cmem", 100 << 10]]));
  mapped = (await compile(model, { target, mapMemory: { budget: 60 } })).plan;
  plain = (await compile(model, { target: "tfjs-wasm" })).plan;
});

const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length;
const inFast = (plan: Plan): Plan["placements"] =>
  plan.placements.filter(({ memory, bytes }) => memory === "cmem" && bytes > 0);

/** Attributes of every rectangle of a colour. */
function boxes(svg: string, colour: string): { x: number; y: number; width: number; height: number }[] {
  return [
    ...svg.matchAll(new RegExp(`<rect x="([^"]+)" y="([^"]+)" width="([^"]+)" height="([^"]+)" fill="${colour}"`, "g")),
  ].map(([, x, y, width, height]) => ({ x: Number(x), y: Number(y), width: Number(width), height: Number(height) }));
}

describe("memory picture", () => {
  test("draws every range of the fast memory once, and nothing over anything else", () => {
    const svg = memoryPicture([mapped]);
    expect(count(svg, /<g><title>/g)).toBe(inFast(mapped).length);
    const drawn = ["#4c78a8", "#59a14f", "#b07aa1", "#f28e2b", "#9c9c9c"].flatMap((colour) => boxes(svg, colour));
    // Squares of the legend are twelve wide.
    const blocks = drawn.filter(({ width, height }) => width !== 12 || height !== 11);
    expect(blocks.length).toBe(inFast(mapped).length);
    const slack = 0.9;
    blocks.forEach((a, i) => {
      for (const b of blocks.slice(i + 1))
        expect(
          a.x + slack < b.x + b.width &&
            b.x + slack < a.x + a.width &&
            a.y + slack < b.y + b.height &&
            b.y + slack < a.y + a.height,
        ).toBe(false);
    });
  });

  test("hatches what is fetched and stored, and names the steps", () => {
    const svg = memoryPicture([mapped]);
    const copies = mapped.steps.flatMap((step) => (step.kind === "copy" ? [step] : []));
    const fetches = copies.filter(({ to }) => to === "cmem").length;
    expect(fetches).toBeGreaterThan(0);
    // One more in the legend.
    expect(count(svg, /fill="url\(#fetch\)"/g)).toBe(fetches + 1);
    for (const step of mapped.steps)
      if (step.kind === "kernel" && step.node.length < 20) expect(svg).toContain(step.node);
    expect(svg).toContain("capacity 102 kB");
  });

  test("is the same on every run, and smaller plans get a picture too", () => {
    expect(memoryPicture([mapped])).toBe(memoryPicture([mapped]));
    expect(memoryPicture([plain])).toContain("addresses in arena over the steps");
    expect(count(memoryPicture([mapped, plain]), /addresses in/g)).toBeGreaterThanOrEqual(2);
    const empty: Plan = { ...plain, steps: [], placements: [] };
    expect(memoryPicture([empty])).toContain("<svg");
  });

  test("names from a model are text, never markup", () => {
    const hostile: Plan = {
      ...mapped,
      model: { ...mapped.model, name: `"><script>alert(1)</script>&\u001b[31m` },
      values: mapped.values.map((value) => ({ ...value, name: `<img src=x onerror=${value.id}>` })),
    };
    const svg = memoryPicture([hostile]);
    expect(svg).not.toMatch(/<script|<img/);
    expect(svg).not.toContain("\u001b");
    expect(svg).toContain("&lt;script&gt;");
  });

  test("renders to PNG", async () => {
    const png = await renderPng(memoryPicture([mapped], { width: 600 }));
    expect([...png.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    expect(new DataView(png.buffer, png.byteOffset).getUint32(16)).toBe(1200);
  });
});
