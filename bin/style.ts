/** Colour for terminals that want it: a TTY, no NO_COLOR, no --no-color. */
const wanted = (): boolean =>
  process.stderr.isTTY === true &&
  (process.env["NO_COLOR"] ?? "") === "" &&
  !process.argv.includes("--no-color") &&
  process.env["TERM"] !== "dumb";

const wrap =
  (code: number) =>
  (text: string): string =>
    wanted() ? `\u001b[${code}m${text}\u001b[0m` : text;

export const paint = { error: wrap(31), warning: wrap(33), dim: wrap(2) };
