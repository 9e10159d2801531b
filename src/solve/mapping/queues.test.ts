import { describe, expect, it } from "vitest";
import { readGame } from "./game-file.ts";
import { prepare } from "./instance.ts";
import { runIdle, waitFor } from "./queues.ts";
import { simulate } from "./simulate.ts";

// XLA's own simulator tests: slow memory 1 B/s, fast memory 2 B/s.
const hw = { C: 4096, Bs: 1, Bf: 2 };

describe("known answers of XLA's simulator", () => {
  it("a copy by itself takes its bytes", () => {
    expect(waitFor({ reads: [1024 * 2048 * 4], writes: [] }, "reads", 1, 1).seconds).toBe(8_388_608);
  });

  it("a copy over a memory-bound step finds no idle bandwidth", () => {
    const instance = prepare(
      readGame({
        hw,
        sizes: [8, 8, 32],
        outputs: [1],
        instr: [
          { c: 0, reads: [0], writes: [1] },
          { c: 0, reads: [2], writes: [] },
        ],
      }),
    );
    const plan = {
      fast: [false, false, true],
      ranges: [{ value: 2, offset: 0, from: 1, to: 3 }],
      copies: [{ value: 2, direction: "in", release: 1, deadline: 2 }],
    } as const;
    // 16 of the step, 32 of the copy, and what the fast read takes after it.
    expect(simulate(instance, plan).seconds).toBe(16 + 32 + 32 / 2);
  });

  it("copies run beside a step whose operands are all in fast memory", () => {
    const first = waitFor({ reads: [256], writes: [] }, "reads", 1, 1).seconds;
    const step = (3 * 256) / 2;
    const after = runIdle({ reads: [512], writes: [] }, step);
    expect([2 * first, step, waitFor(after, "reads", 1, 1).seconds]).toEqual([512, 384, 128]);
  });

  it("reads and writes share the bandwidth", () => {
    const done = waitFor({ reads: [512], writes: [128] }, "writes", 1, 1);
    expect(done).toEqual({ seconds: 256, queues: { reads: [384], writes: [] } });
    expect(waitFor(done.queues, "reads", 1, 1).seconds).toBe(384);
  });

  it("a step leaves copies what it does not use", () => {
    const time = 128 / 2 + 128;
    expect(time).toBe(192);
    expect(runIdle({ reads: [512], writes: [128] }, time - 128)).toEqual({ reads: [480], writes: [96] });
    expect(runIdle({ reads: [512], writes: [] }, time - 128)).toEqual({ reads: [448], writes: [] });
    expect(runIdle({ reads: [512], writes: [] }, 256 - 256)).toEqual({ reads: [512], writes: [] });
  });
});
