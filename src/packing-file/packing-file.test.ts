import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InputError } from "../errors.ts";
import type { PackingBuffer } from "../solve/packing/types.ts";
import { csvText, jsonText, readPackingFile, type PackingFile, type PackingFileLimits } from "./index.ts";

const encoder = new TextEncoder();

/** The text in chunks of `step` bytes. */
function* chunks(bytes: Uint8Array, step = 7): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.slice(at, at + step);
}

const read = (
  text: string | Uint8Array,
  limits: Partial<PackingFileLimits> = {},
  step?: number,
): Promise<PackingFile> =>
  readPackingFile(chunks(typeof text === "string" ? encoder.encode(text) : text, step), "f.csv", limits);

/** The refusal of a text: its code, where it is, and the message. */
async function refusal(
  text: string | Uint8Array,
  limits: Partial<PackingFileLimits> = {},
): Promise<{ readonly code: string; readonly where: string; readonly message: string }> {
  try {
    await read(text, limits);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    const { code, where = "", message } = error as InputError;
    return { code, where, message };
  }
  throw new Error("it was read");
}

const HEAD = "id,lower,upper,size";

test("MiniMalloc's columns, in any order, with its own spellings", async () => {
  const { problem } = await read(
    'offset,id,begin,upper,size,alignment,hint,gaps,note\n,a,-3,9,40,8,-1,"1-2 3-5@0:8",x\n64,"b,""c""",0,1,2,,7,,\r\n\n',
  );
  expect(problem.buffers).toEqual([
    {
      id: "a",
      lower: -3,
      upper: 9,
      size: 40,
      alignment: 8,
      gaps: [
        { lower: 1, upper: 2 },
        { lower: 3, upper: 5, window: [0, 8] },
      ],
    },
    { id: 'b,"c"', lower: 0, upper: 1, size: 2, offset: 64, hint: 7 },
  ]);
});

test("a column named end holds the last time alive", async () => {
  const file = await read("id,start,end,size,gaps\nb1,0,2,4,1-1\n");
  expect(file.problem.buffers).toEqual([{ id: "b1", lower: 0, upper: 3, size: 4, gaps: [{ lower: 1, upper: 2 }] }]);
  expect([...csvText(file, [12])].join("")).toBe("id,start,end,size,gaps,offset\nb1,0,2,4,1-1,12\n");
});

test("no buffers, and a buffer without bytes or time, are problems", async () => {
  expect((await read(`${HEAD}\n`)).problem.buffers).toEqual([]);
  expect((await read('{"buffers":[]}')).problem.buffers).toEqual([]);
  expect((await read(`${HEAD}\n0,3,3,8\n1,0,9,0\n`)).problem.buffers).toHaveLength(2);
});

describe("what is refused, with its line", () => {
  test.each([
    ["", "f.csv", /empty/],
    [`id,lower,size\n0,1,2\n`, "line 1", /column 'upper' is missing/],
    [`id,lower,upper,size,id\n`, "line 1", /given twice/],
    [`0,1,2,3\n`, "line 1", /must name the columns/],
    [`${HEAD}\n0,0,3,8\n1,0,3,-1\n`, "line 3", /size is negative: -1/],
    [`${HEAD}\n0,5,3,8\n`, "line 2", /\[5, 3\) is inverted/],
    [`${HEAD}\n0,0,3,8x\n`, "line 2", /size is no integer: '8x'/],
    [`${HEAD}\n0,0,3,1.5\n`, "line 2", /no integer: '1\.5'/],
    [`${HEAD}\n0,0,3,1e3\n`, "line 2", /no integer: '1e3'/],
    [`${HEAD}\n0,0,,3\n`, "line 2", /upper is no integer/],
    [`${HEAD}\n0,0,3\n`, "line 2", /3 fields, the first line names 4/],
    [`${HEAD}\n0,0,3,9007199254740992\n`, "line 2", /between .* 2\^53/],
    [`${HEAD}\n0,0,3,9007199254740991\n\n1,5,6,1\n`, "line 4", /add up to more than 2\^53/],
    [`${HEAD},offset\n0,0,3,8,9007199254740990\n`, "line 2", /offset \+ size/],
    [`${HEAD},offset\n0,0,3,8,-8\n`, "line 2", /offset is negative/],
    [`${HEAD},alignment,offset\n0,0,3,8,8,4\n`, "line 2", /no multiple of the alignment/],
    [`${HEAD},alignment\n0,0,3,8,0\n`, "line 2", /alignment must be/],
    [`${HEAD},offset\n0,0,3,8,0\n1,3,9,8,0\n2,1,2,8,6\n`, "line 4", /'2' is fixed at \[6, 14\).*'0' of line 2/],
    [`${HEAD},gaps\n0,0,9,8,5-3\n`, "line 2", /inverted/],
    [`${HEAD},gaps\n0,0,9,8,5-12\n`, "line 2", /outside of the lifetime/],
    [`${HEAD},gaps\n0,0,9,8,2-4 3-5\n`, "line 2", /overlaps the one before/],
    [`${HEAD},gaps\n0,0,9,8,2-4@0:9\n`, "line 2", /window \[0, 9\).*outside/],
    [`${HEAD},gaps\n0,0,9,8,2..4\n`, "line 2", /'2\.\.4' is no gap/],
    [`${HEAD}\n"0,0,3,8\n`, "line 2", /quote is not closed/],
    [`${HEAD}\n0\u0000,0,3,8\n`, "line 2", /control characters/],
    ['{"buffers":[{"lower":0,"upper":1}]}', "buffers[0].size", /./],
    ['{"buffers":[{"lower":0,"upper":1,"size":-1}]}', "buffers[0]", /negative/],
    ['{"buffers":[{"lower":0,"upper":1,"size":1,"sise":1}]}', "buffers[0]", /sise/],
    ['{"buffers":[\n{"lower":0,,}]}', "line 2", /not JSON/],
    [
      '{"buffers":[{"lower":0,"upper":1,"size":4,"offset":0},{"lower":0,"upper":1,"size":4,"offset":2}]}',
      "buffers[1]",
      /collides/,
    ],
    ['{"buffers":[{"lower":0,"upper":1,"size":4,"arenas":[1]}]}', "buffers[0]", /no arena 1/],
    ['{"buffers":[{"lower":0,"upper":1,"size":4,"inside":{"buffer":0,"distance":0}}]}', "buffers[0]", /inside/],
  ])("%j", async (text, where, message) => {
    const found = await refusal(text);
    expect(found.code).toBe("malformed-packing");
    expect(found.where).toContain(where);
    expect(found.message).toMatch(message);
  });

  test("ids that come twice, as numbers, names, and beside indices", async () => {
    for (const ids of [
      ["7", "7"],
      ["x", "x"],
      ["900000", "900000"],
      ["1", "00", "1"],
    ]) {
      const { code, where, message } = await refusal(`${HEAD}\n${ids.map((id) => `${id},0,1,1`).join("\n")}\n`);
      expect(code).toBe("duplicate-name");
      expect(where).toBe(`line ${ids.length + 1} of f.csv`);
      expect(message).toContain(ids.at(-1)!);
    }
    expect(
      (await refusal('{"buffers":[{"id":"1","lower":0,"upper":1,"size":1},{"lower":0,"upper":1,"size":1}]}')).code,
    ).toBe("duplicate-name");
  });

  test("bytes that are no text", async () => {
    const { code, where } = await refusal(Uint8Array.of(...encoder.encode(`${HEAD}\n`), 0xff, 0xfe, 0x2c, 0x0a));
    expect([code, where]).toEqual(["malformed-packing", "line 2 of f.csv"]);
  });

  test("limits: buffers, bytes of a line, bytes of the file", async () => {
    const rows = Array.from({ length: 11 }, (_, i) => `${i},0,1,1\n`).join("");
    expect(await refusal(`${HEAD}\n${rows}`, { maxBuffers: 10 })).toMatchObject({
      code: "limit-exceeded",
      where: "line 12 of f.csv",
      message: "the limit on buffers of a packing problem is 10",
    });
    expect((await refusal(`${HEAD}\n${"1".repeat(100)}\n`, { maxLineBytes: 60 })).code).toBe("limit-exceeded");
    expect((await refusal(`${HEAD}\n${"1".repeat(1000)}`, { maxLineBytes: 60 })).code).toBe("limit-exceeded");
    expect((await refusal(`${HEAD}\n${rows}`, { maxBytes: 60 })).code).toBe("limit-exceeded");
    expect((await refusal('{"buffers":[1,2,3]}', { maxBuffers: 2 })).code).toBe("limit-exceeded");
  });

  test("of ten million lines, no more are read than the limit", async () => {
    let made = 0;
    const lines = function* (): Generator<Uint8Array> {
      yield encoder.encode(`${HEAD}\n`);
      for (let k = 0; k < 10_000; k++) {
        let text = "";
        for (let i = 0; i < 1000; i++) text += `${k * 1000 + i},0,1,1\n`;
        made += 1000;
        yield encoder.encode(text);
      }
    };
    await expect(readPackingFile(lines(), "f.csv", { maxBuffers: 200_000 })).rejects.toMatchObject({
      code: "limit-exceeded",
    });
    // It stops at the limit, not at the end.
    expect(made).toBe(201_000);
  });
});

test("fixed buffers that collide are found as by comparing all pairs", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          lower: fc.nat(12),
          time: fc.nat(4),
          size: fc.nat(4),
          offset: fc.nat(40),
        }),
        { maxLength: 40 },
      ),
      async (rows) => {
        const collide = rows.some((a, i) =>
          rows
            .slice(0, i)
            .some(
              (b) =>
                Math.min(a.time, b.time, a.size, b.size) > 0 &&
                a.lower < b.lower + b.time &&
                b.lower < a.lower + a.time &&
                a.offset < b.offset + b.size &&
                b.offset < a.offset + a.size,
            ),
        );
        const text = rows.map(
          ({ lower, time, size, offset }, i) => `${i},${lower},${lower + time},${size},${offset}\n`,
        );
        const whole = `${HEAD},offset\n${text.join("")}`;
        if (collide) expect((await refusal(whole)).message).toMatch(/collides/);
        else expect((await read(whole)).problem.buffers).toHaveLength(rows.length);
      },
    ),
    { numRuns: 300 },
  ));

const name = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }).filter((text) => !/[\p{Cc}]/u.test(text));
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const buffers: fc.Arbitrary<PackingBuffer[]> = fc
  .uniqueArray(
    fc.record({
      id: name,
      lower: fc.integer({ min: -1000, max: 1000 }),
      times: fc.array(fc.nat(50), { minLength: 1, maxLength: 7 }),
      size: fc.nat(2 ** 40),
      alignment: optional(fc.constantFrom(1, 2, 64)),
      hint: optional(fc.nat(1000)),
      windowed: fc.boolean(),
    }),
    { selector: ({ id }) => id, maxLength: 20 },
  )
  .map((rows) =>
    rows.map(({ id, lower, times, size, alignment, hint, windowed }, i) => {
      const marks = times.map((_, t) => lower + times.slice(0, t + 1).reduce((sum, time) => sum + time, 0));
      const gaps = [];
      for (let g = 0; g + 2 < marks.length; g += 2)
        gaps.push({
          lower: marks[g]!,
          upper: marks[g + 1]!,
          ...(windowed ? { window: [Math.floor(size / 3), size] as const } : {}),
        });
      return {
        // A buffer's index is no id of its own.
        ...(id === String(i) ? {} : { id }),
        lower,
        upper: marks.at(-1)!,
        size,
        ...(alignment === undefined ? {} : { alignment }),
        ...(hint === undefined ? {} : { hint }),
        ...(gaps.length === 0 ? {} : { gaps }),
      };
    }),
  )
  .filter((all) => new Set(all.map(({ id }, i) => id ?? String(i))).size === all.length);

/** What a column says of a buffer that leaves the field out. */
const plain = (all: readonly PackingBuffer[]): object[] =>
  all.map((one, i) => ({ alignment: 1, id: String(i), ...one }));

test("what is written is read again: CSV and JSON, with and without offsets", () =>
  fc.assert(
    fc.asyncProperty(buffers, fc.integer({ min: 1, max: 64 }), async (all, step) => {
      const json = encoder.encode(JSON.stringify({ buffers: all }));
      const file = await read(json, {}, step);
      expect(file.problem.buffers).toEqual(all);
      const again = await read([...jsonText(file)].join(""), {}, step);
      expect(plain(again.problem.buffers)).toEqual(plain(all));
      const csv = await read([...csvText(file)].join(""), {}, step);
      expect(plain(csv.problem.buffers)).toEqual(plain(all));
      // Stacked at multiples of 64 nothing collides.
      let top = 0;
      const offsets = all.map(({ size }) => {
        const offset = top;
        top = Math.ceil((top + size) / 64) * 64;
        return offset;
      });
      for (const text of [csvText(file, offsets), jsonText(file, offsets)]) {
        const fixed = await read([...text].join(""), {}, step);
        expect(fixed.problem.buffers.map(({ offset }) => offset)).toEqual(offsets);
      }
    }),
    { numRuns: 200 },
  ));

test("a file is written back as it was, its offsets beside it", async () => {
  const text = 'note,id,size,upper,lower\n"a,b",x,4,2,0\n,1,8,9,1\n';
  const file = await read(text);
  expect([...csvText(file)].join("")).toBe(text);
  expect([...csvText(file, [8, 0])].join("")).toBe('note,id,size,upper,lower,offset\n"a,b",x,4,2,0,8\n,1,8,9,1,0\n');
});

test("mutated bytes are read or refused, never anything else", () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(
        'id,lower,upper,size,alignment,gaps,offset,hint,x\n0,0,9,64,8,"1-2 3-5@0:8",64,-1,\n"b",1,3,4,,,,5,"y,z"\n2,0,9,64,1,,,-1,q\n',
        '{"capacity":99,"arenas":[{"capacity":9,"forbidden":[[1,2]]}],"buffers":[\n{"id":"a","lower":0,"upper":9,"size":8,"gaps":[{"lower":1,"upper":2,"window":[0,4]}]},\n{"lower":0,"upper":1,"size":2,"offset":3}]}',
      ),
      fc.array(
        fc.record({
          at: fc.nat(400),
          byte: fc.oneof(fc.nat(255), fc.constantFrom(0x22, 0x2c, 0x0a, 0x2d, 0x39, 0x40, 0x3a, 0x5b, 0x7b)),
          kind: fc.constantFrom("set", "insert", "remove", "double"),
        }),
        { minLength: 1, maxLength: 8 },
      ),
      fc.integer({ min: 1, max: 50 }),
      async (text, edits, step) => {
        const bytes = [...encoder.encode(text)];
        for (const { at, byte, kind } of edits) {
          const i = at % (bytes.length + 1);
          if (kind === "set") bytes[i] = byte;
          else if (kind === "insert") bytes.splice(i, 0, byte);
          else if (kind === "remove") bytes.splice(i, 1 + (byte % 5));
          else bytes.splice(i, 0, ...bytes.slice(i, i + byte));
        }
        const whole = Uint8Array.from(bytes);
        const outcome = (cut: number): Promise<unknown> =>
          read(whole, {}, cut).then(
            ({ problem }) => problem,
            (error: unknown) => {
              expect(error).toBeInstanceOf(InputError);
              return (error as InputError).toJSON();
            },
          );
        // However the bytes arrive.
        expect(await outcome(step)).toEqual(await outcome(1 << 20));
      },
    ),
    { numRuns: 2000 },
  ));
