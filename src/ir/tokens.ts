/** Tokens of the textual IR, with their lines, and a cursor over them. */
import { malformedText } from "../errors.ts";

export interface Token {
  readonly kind: "name" | "number" | "string" | "mark" | "end";
  /** Names and strings: unquoted. */
  readonly text: string;
  readonly line: number;
}

const SPACE = /[ \t\r]+/y;
const COMMENT = /\/\/[^\n]*/y;
const NUMBER = /-?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|Infinity)|NaN/y;
const NAME = /[A-Za-z_][\w.]*/y;
const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const MARKS = new Set("(){}[]<>=:,+");

const MAX_LENGTH = 256 * 1024 * 1024;

/** Splits a text into tokens. Throws InputError `malformed-text` with the line. */
export function tokenize(text: string): Token[] {
  if (text.length > MAX_LENGTH) throw malformedText(1, `the text is longer than ${MAX_LENGTH} characters`);
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  while (at < text.length) {
    if (text[at] === "\n") {
      line++;
      at++;
      continue;
    }
    if (match(SPACE) !== undefined || match(COMMENT) !== undefined) continue;
    const number = match(NUMBER);
    if (number !== undefined) {
      tokens.push({ kind: "number", text: number, line });
      continue;
    }
    const name = match(NAME);
    if (name !== undefined) {
      tokens.push({ kind: "name", text: name, line });
      continue;
    }
    const quoted = match(STRING);
    if (quoted !== undefined) {
      tokens.push({ kind: "string", text: unquote(quoted, line), line });
      continue;
    }
    const mark = text[at]!;
    if (!MARKS.has(mark)) throw malformedText(line, `${JSON.stringify(mark)} has no meaning here`);
    tokens.push({ kind: "mark", text: mark, line });
    at++;
  }
  tokens.push({ kind: "end", text: "", line });
  return tokens;
}

function unquote(quoted: string, line: number): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    throw malformedText(line, `${quoted.slice(0, 40)} is no string`);
  }
}

export interface Cursor {
  peek(): Token;
  next(): Token;
  /** Takes a mark or word if it is next. */
  take(text: string): boolean;
  expect(text: string): void;
  /** A name, quoted or plain. */
  name(): string;
  word(): string;
  string(): string;
  number(): number;
  /** A whole number from 0 up. */
  whole(): number;
  fail(message: string): never;
}

export function cursorOf(tokens: readonly Token[]): Cursor {
  let at = 0;
  const peek = (): Token => tokens[at] ?? tokens.at(-1)!;
  const fail = (message: string): never => {
    throw malformedText(peek().line, message);
  };
  const next = (): Token => {
    const token = peek();
    at++;
    return token;
  };
  const is = (text: string): boolean => peek().text === text && (peek().kind === "mark" || peek().kind === "name");
  const shown = (): string => (peek().kind === "end" ? "the end" : JSON.stringify(peek().text.slice(0, 40)));
  return {
    peek,
    next,
    take: (text) => is(text) && next() !== undefined,
    expect: (text) => void (is(text) ? next() : fail(`expected '${text}', found ${shown()}`)),
    name: () =>
      peek().kind === "name" || peek().kind === "string" ? next().text : fail(`expected a name, found ${shown()}`),
    word: () => (peek().kind === "name" ? next().text : fail(`expected a word, found ${shown()}`)),
    string: () => (peek().kind === "string" ? next().text : fail(`expected a string, found ${shown()}`)),
    number: () => (peek().kind === "number" ? Number(next().text) : fail(`expected a number, found ${shown()}`)),
    whole() {
      const value = peek().kind === "number" ? Number(next().text) : fail(`expected a number, found ${shown()}`);
      return Number.isSafeInteger(value) && value >= 0 ? value : fail(`${value} is not a whole number from 0 up`);
    },
    fail,
  };
}
