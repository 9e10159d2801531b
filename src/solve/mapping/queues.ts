/**
 * The copy discipline of XLA's runtime simulator, for comparison with earliest-deadline-first: reads from and writes to
 * slow memory wait in one queue each; where both have something they share the bandwidth half and half. The two
 * faults of the version that we read (the half is never given back; uses in slow memory count too) are not copied.
 */
export interface CopyQueues {
  /** Bytes left of each outstanding copy, first in first out. */
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

/** The queues after so much idle slow bandwidth, bytes. */
export function runIdle({ reads, writes }: CopyQueues, idle: number): CopyQueues {
  const left = { reads: [...reads], writes: [...writes] };
  let bytes = idle;
  while (bytes > 0 && (left.reads.length > 0 || left.writes.length > 0)) {
    const busy = [left.reads, left.writes].filter((queue) => queue.length > 0);
    const moved = Math.min(...busy.map((queue) => queue[0]!), bytes / busy.length);
    for (const queue of busy) {
      queue[0]! -= moved;
      if (queue[0]! <= 0) queue.shift();
    }
    bytes -= moved * busy.length;
  }
  return left;
}

/** Waits for the first `count` copies of a queue: the seconds it takes at `bandwidth`, and what is left then. */
export function waitFor(
  queues: CopyQueues,
  queue: "reads" | "writes",
  count: number,
  bandwidth: number,
): { readonly seconds: number; readonly queues: CopyQueues } {
  const other = queue === "reads" ? "writes" : "reads";
  const wanted = queues[queue].slice(0, count).reduce((sum, bytes) => sum + bytes, 0);
  const shared = queues[other].reduce((sum, bytes) => sum + bytes, 0);
  // The other queue moves as many bytes in the same time, as long as it has them.
  const bytes = wanted + Math.min(wanted, shared);
  return { seconds: bytes / bandwidth, queues: runIdle(queues, bytes) };
}
