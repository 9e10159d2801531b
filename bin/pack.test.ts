/** `strata pack` as a user meets it. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { main } from "./main.ts";

let folder = "";
const at = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "strata-pack-"));
  writeFileSync(at("gap.csv"), `${GAP}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Load 4, yet no packing is lower than 5. */
const GAP = [
  "id,lower,upper,size",
  "a,0,1,3",
  "b,0,3,1",
  "c,1,4,1",
  "d,1,2,2",
  "e,2,5,1",
  "f,2,3,1",
  "g,3,4,2",
  "h,4,5,3",
].join("\n");

async function strata(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation((text) => ((out += String(text)), true)),
    vi.spyOn(process.stderr, "write").mockImplementation((text) => ((err += String(text)), true)),
  ];
  try {
    return { code: await main(["pack", ...argv]), out, err };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

interface Figures {
  readonly height: number | null;
  readonly lowerBound: number;
  readonly status: string;
  readonly steps: number;
  readonly seconds: number;
  readonly bound: string;
  readonly method: string;
  readonly conflict: { readonly buffers: readonly string[]; readonly lower: number; readonly proof: string } | null;
}

const figures = (text: string): Figures => JSON.parse(text) as Figures;

describe.each(["search", "highs", "glpk"])("--solver %s", (solver) => {
  test("the least height, proven above the load", async () => {
    const { code, out } = await strata(at("gap.csv"), "--json", "--solver", solver);
    expect(code).toBe(0);
    expect(figures(out)).toMatchObject({ height: 5, lowerBound: 5, status: "optimal", bound: "search" });
  });

  test("a capacity between load and optimum is proven too small, and by whom", async () => {
    const { code, out } = await strata(at("gap.csv"), "--capacity", "4", "--json", "--solver", solver);
    expect(code).toBe(1);
    const { status, conflict, height } = figures(out);
    expect([status, height]).toEqual(["infeasible", null]);
    expect(conflict).toMatchObject({ proof: "search" });
  });
});

test("within a capacity any packing will do; the written file keeps it, and is read as fixed", async () => {
  expect((await strata(at("gap.csv"), "--capacity", "100", "-o", at("packed.csv"))).code).toBe(0);
  const [head, ...rows] = readFileSync(at("packed.csv"), "utf8").trim().split("\n");
  expect(head).toBe("id,lower,upper,size,offset");
  expect(rows.map((row) => row.split(",").slice(0, 4).join(","))).toEqual(GAP.split("\n").slice(1));
  const again = figures((await strata(at("packed.csv"), "--json")).out);
  const highest = Math.max(...rows.map((row) => Number(row.split(",")[3]) + Number(row.split(",")[4])));
  expect(again.height).toBe(highest);
  expect(figures((await strata(at("packed.csv"), "--json", "--repack")).out).height).toBe(5);
});

test("the same command gives the same bytes", async () => {
  const [a, b] = [await strata(at("gap.csv"), "-o", "-"), await strata(at("gap.csv"), "-o", "-")];
  expect(a.out).toBe(b.out);
  expect(a.err).toMatch(/^height 5 \(bound 5 by search, optimal\)/);
});

test("- is standard input", async () => {
  const given = Readable.from([Buffer.from(GAP.slice(0, 40)), Buffer.from(GAP.slice(40))]);
  const spy = vi.spyOn(process, "stdin", "get").mockReturnValue(given as never);
  try {
    const { code, out } = await strata("-", "--json");
    expect(code).toBe(0);
    expect(figures(out)).toMatchObject({ height: 5, status: "optimal" });
  } finally {
    spy.mockRestore();
  }
});

test("JSON, with arenas, is written as it was read", async () => {
  const problem = {
    arenas: [{ capacity: 8 }, { capacity: 8 }],
    buffers: [
      { id: "x", lower: 0, upper: 2, size: 6 },
      { id: "y", lower: 1, upper: 3, size: 6 },
    ],
  };
  writeFileSync(at("two.json"), JSON.stringify(problem));
  expect((await strata(at("two.json"), "-o", at("out.json"), "--plot", at("two.svg"))).code).toBe(0);
  const { buffers } = JSON.parse(readFileSync(at("out.json"), "utf8")) as { buffers: { arenas: number[] }[] };
  expect(buffers.map(({ arenas }) => arenas[0]!).sort()).toEqual([0, 1]);
  expect(readFileSync(at("two.svg"), "utf8")).toMatch(/^<svg [^]*arena 1[^]*<\/svg>\n$/);
  // No column of the CSV says which arena.
  expect((await strata(at("two.json"), "-o", at("out.csv"))).code).toBe(2);
  expect(existsSync(at("out.csv"))).toBe(false);
});

test("too much at one time: the largest of it, and nothing is written", async () => {
  writeFileSync(at("full.csv"), "id,lower,upper,size\nsmall,0,9,1\nbig,2,5,60\nother,4,9,50\n");
  const { code, out, err } = await strata(at("full.csv"), "--capacity", "100", "-o", at("none.csv"));
  expect(code).toBe(1);
  expect(out).toMatch(/^infeasible: bound 111 by load, capacity 100/);
  expect(out).toMatch(/these 2 buffers do not fit into 100: .* in \[4, 5\) and take 110/);
  expect(out).toMatch(/\nbig +60 +2 +5\nother +50 +4 +9\n/);
  expect(err).toMatch(/no file was written/);
  expect(existsSync(at("none.csv"))).toBe(false);
});

test("--explain says of a feasible problem why it can't be lower", async () => {
  const { code, out } = await strata(at("full.csv"), "--explain", "--json");
  expect(code).toBe(0);
  expect(figures(out)).toMatchObject({
    height: 111,
    conflict: { buffers: ["small", "big", "other"], lower: 4, upper: 5, bytes: 111, capacity: 110, proof: "load" },
  });
});

test("no buffers", async () => {
  writeFileSync(at("empty.csv"), "id,lower,upper,size\n");
  const { code, out } = await strata(at("empty.csv"), "--json", "--plot", at("empty.png"), "-o", at("still-empty.csv"));
  expect(code).toBe(0);
  expect(figures(out)).toMatchObject({ height: 0, lowerBound: 0, status: "optimal" });
  expect(readFileSync(at("still-empty.csv"), "utf8")).toBe("id,lower,upper,size,offset\n");
  // The first bytes of any PNG.
  expect([...readFileSync(at("empty.png")).subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
});

test.each([
  [["missing.csv"], "file-unreadable"],
  [["."], "file-unreadable"],
  [["bad.csv"], "malformed-packing"],
  [["gap.csv", "--capacity", "lots"], "invalid-flag"],
  [["gap.csv", "--budget", "-1"], "invalid-flag"],
  [["gap.csv", "--seed", "x"], "invalid-flag"],
  [["gap.csv", "--plot", "out.pdf"], "invalid-flag"],
  [["gap.csv", "--solver", "cplex"], "usage"],
  [["gap.csv", "--capasity", "4"], "usage"],
  [[], "usage"],
  [["two.json", "--solver", "highs"], "invalid-packing"],
] as const)("%j is refused with exit code 2", async (argv, wanted) => {
  writeFileSync(at("bad.csv"), "id,lower,upper,size\n0,1,2,x\n");
  const [file, ...flags] = argv;
  const { code, out, err } = await strata(...(file === undefined ? [] : [at(file)]), ...flags, "--json");
  expect(code, err).toBe(2);
  expect(out).toBe("");
  expect((JSON.parse(err) as { error: { code: string } }).error.code).toBe(wanted);
  expect(err).not.toMatch(/\bat .*\.ts:/);
});
