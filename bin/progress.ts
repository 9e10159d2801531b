/** One line of progress on stderr: on a terminal only, after one second, at most ten times a second. */
export interface Progress {
  update(text: string): void;
  done(): void;
}

export function progressLine(enabled = process.stderr.isTTY === true): Progress {
  const started = Date.now();
  let last = 0;
  let shown = false;
  return {
    update(text) {
      const now = Date.now();
      if (!enabled || now - started < 1000 || now - last < 100) return;
      last = now;
      shown = true;
      process.stderr.write(`\r\u001b[2K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    },
    done() {
      if (shown) process.stderr.write("\r\u001b[2K");
      shown = false;
    },
  };
}
