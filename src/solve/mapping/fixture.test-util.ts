/** The games with proven answers, and random ones. */
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { type GameFile, readGame } from "./game-file.ts";
import { prepare, type Instance } from "./instance.ts";

export interface SolvedGame extends GameFile {
  readonly name: string;
  readonly answers: {
    readonly allSlow: number;
    readonly allFastIdeal: number;
    readonly game3actionStrict: number;
    readonly game3actionStall: number;
    readonly game3actionLog: string;
    readonly extended: number;
    readonly extendedLog: string;
    readonly milpFluidOptimum: number;
    readonly lagrangianTight: number;
  };
}

export const solvedGames = (): SolvedGame[] =>
  JSON.parse(readFileSync(new URL("../../../fixtures/mapping/cases.json", import.meta.url), "utf8")) as SolvedGame[];

export const gameInstance = (game: GameFile): Instance => prepare(readGame(game));

/** Straight-line games: each instruction reads what exists and makes one or two values. */
export const arbitraryGame = (most: number): fc.Arbitrary<GameFile> =>
  fc
    .record({
      C: fc.integer({ min: 0, max: 24 }),
      Bf: fc.constantFrom(1, 2, 4, 5),
      weights: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
      ops: fc.array(
        fc.record({
          c: fc.integer({ min: 0, max: 24 }),
          size: fc.integer({ min: 1, max: 9 }),
          second: fc.boolean(),
          picks: fc.array(fc.nat(), { minLength: 0, maxLength: 3 }),
          out: fc.boolean(),
          inPlace: fc.integer({ min: 0, max: 9 }),
        }),
        { minLength: 1, maxLength: most },
      ),
    })
    .map(({ C, Bf, weights, ops }) => {
      const sizes = [...weights];
      const outputs: number[] = [];
      const instr = ops.map(({ c, size, second, picks, out, inPlace }) => {
        const reads = [...new Set(picks.map((pick) => pick % sizes.length))];
        const writes = [sizes.push(size) - 1];
        if (second && size > 4) writes.push(sizes.push(size - 3) - 1);
        if (out) outputs.push(writes[0]!);
        if (inPlace === 0 && reads.length > 0) writes.push(reads[0]!);
        return { c, reads, writes };
      });
      return { hw: { C, Bs: 1, Bf }, sizes, outputs, instr };
    });
