/**
 * Long searches compute without a pause, and a thread that computes hears of no signal: they run in a thread of their
 * own, and this one stays free for Ctrl-C. The first one asks the search to stop with what it has, the second ends at
 * once.
 */
import { isMainThread, Worker, workerData } from "node:worker_threads";

interface ThreadData {
  readonly strataStop: Int32Array;
  readonly terminal: { readonly isTTY: boolean; readonly columns: number | undefined };
}

const given: ThreadData | undefined =
  !isMainThread && (workerData as Partial<ThreadData> | null)?.strataStop instanceof Int32Array
    ? (workerData as ThreadData)
    : undefined;

/** Whether the user pressed Ctrl-C: asked by searches, between evaluations. */
export const stopRequested = (): boolean => given !== undefined && Atomics.load(given.strataStop, 0) !== 0;

/** Whether a command line searches for so long that it wants a thread of its own. */
export const isSearch = (argv: readonly string[]): boolean =>
  argv[0] === "map" ||
  (argv[0] === "compile" &&
    argv.some(
      (word, i) => /^(--pass=)?map-memory(:|$)/.test(word) && (word.startsWith("--") || argv[i - 1] === "--pass"),
    ));

/** Makes the thread's streams look like those of the process. Called first of all in the thread. */
export function adoptTerminal(): void {
  if (given === undefined) return;
  const { isTTY, columns } = given.terminal;
  Object.defineProperties(process.stderr, { isTTY: { value: isTTY }, columns: { value: columns } });
}

/** Runs the script at `entry` with a command line in a thread; resolves to its exit code. */
export function runInThread(entry: URL, argv: readonly string[]): Promise<number> {
  const strataStop = new Int32Array(new SharedArrayBuffer(4));
  const { isTTY, columns } = process.stderr;
  const data: ThreadData = { strataStop, terminal: { isTTY: isTTY === true, columns } };
  const stdin = argv.includes("-");
  const worker = new Worker(entry, { argv: [...argv], workerData: data, stdin });
  if (stdin && worker.stdin !== null) process.stdin.pipe(worker.stdin);
  const onInterrupt = (): void => {
    if (Atomics.load(strataStop, 0) !== 0) process.exit(130);
    Atomics.store(strataStop, 0, 1);
    process.stderr.write("\nstopping with the best so far; press Ctrl-C again to end at once\n");
  };
  process.on("SIGINT", onInterrupt);
  return new Promise<number>((resolve, reject) => {
    worker.on("error", reject);
    worker.on("exit", resolve);
  }).finally(() => process.off("SIGINT", onInterrupt));
}
