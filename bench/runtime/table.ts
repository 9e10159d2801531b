/** Tables of the runtime's benchmark: printed as they come, kept for the file. */

/** Aligned lines. Rows of one or two cells are notes. */
export function formatTable(title: string, header: readonly string[], rows: readonly (readonly string[])[]): string {
  const whole = rows.filter((row) => row.length === header.length);
  const widths = header.map((name, c) => Math.max(name.length, ...whole.map((row) => row[c]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.length < header.length
      ? `${cells[0]!.padEnd(widths[0]!)}  ${cells.slice(1).join("  ")}`
      : cells.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join("  ");
  return `${title}\n${[header, ...rows].map(line).join("\n")}\n`;
}

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
export const milliseconds = (seconds: number): string => (seconds * 1e3).toFixed(2);
export const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2);

/** First line of what went wrong. */
export const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n")[0]!.slice(0, 120);
