import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadMapper } from "./mapper-weights.ts";
import type { WeightsHeader } from "./solve/mapping/agents/weights.ts";

const shipped = (name: string) => new URL(`./solve/mapping/agents/weights/${name}`, import.meta.url);

test("the shipped weights load, and say how they were trained", async () => {
  const { parameters } = await loadMapper();
  expect(parameters.policy.some((x) => x !== 0)).toBe(true);
  const header = JSON.parse(await readFile(shipped("mapper-v1.json"), "utf8")) as WeightsHeader;
  expect(header.training.log.length).toBeGreaterThan(0);
  // Transformers are what the agents are tested on.
  expect(header.training.games.filter((name) => /^(bert|gpt2|llama|moe|sd-unet)/.test(name))).toEqual([]);
});

test("weights that are not what their header says are refused", async () => {
  const folder = await mkdtemp(join(tmpdir(), "strata-weights-"));
  try {
    const bytes = await readFile(shipped("mapper-v1.bin"));
    bytes[100]! ^= 1;
    await writeFile(join(folder, "w.bin"), bytes);
    await expect(loadMapper(join(folder, "w.bin"))).rejects.toThrow("no such file");
    await writeFile(join(folder, "w.json"), await readFile(shipped("mapper-v1.json")));
    await expect(loadMapper(join(folder, "w.bin"))).rejects.toThrow("SHA-256");
    await writeFile(join(folder, "w.json"), "null");
    await expect(loadMapper(join(folder, "w.bin"))).rejects.toThrow("no header");
  } finally {
    await rm(folder, { recursive: true });
  }
});
