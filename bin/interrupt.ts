/** Ctrl-C: the first one asks the work to stop with what it has, the second ends at once. */
export function interruptSignal(): { readonly signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const onInterrupt = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    process.stderr.write("\nstopping; press Ctrl-C again to end at once\n");
  };
  process.on("SIGINT", onInterrupt);
  return { signal: controller.signal, dispose: () => void process.off("SIGINT", onInterrupt) };
}
