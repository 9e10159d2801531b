/** Timing and printing for the benchmark of static allocation. */

/** Result and processor milliseconds (user and system). */
export function timed<T>(run: () => T): readonly [T, number] {
  const before = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(before);
  return [result, (user + system) / 1000];
}

export const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))]!;

export function printTable(title: string, header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = header.map((name, c) => Math.max(name.length, ...rows.map((row) => row[c]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join("  ");
  console.log(`\n${title}\n${[header, ...rows].map(line).join("\n")}`);
}

export const verdict = (met: boolean): string => (met ? "met" : "NOT MET");
export const times = (ratio: number): string => `${ratio.toFixed(ratio < 10 ? 1 : 0)}x`;
