/** Command lines in tests, without a process of their own. */
import { vi } from "vitest";
import { main } from "./main.ts";

/** One command line: its exit code and what it wrote. */
export async function strata(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const write = (sink: (text: string) => void) => (chunk: unknown, done?: unknown) => {
    sink(typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk as Uint8Array));
    if (typeof done === "function") done();
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(write((text) => (out += text)) as never),
    vi.spyOn(process.stderr, "write").mockImplementation(write((text) => (err += text)) as never),
    vi.spyOn(console, "log").mockImplementation((...items) => void (out += `${items.join(" ")}\n`)),
    vi.spyOn(console, "error").mockImplementation((...items) => void (err += `${items.join(" ")}\n`)),
  ];
  try {
    return { code: await main(argv), out, err };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
