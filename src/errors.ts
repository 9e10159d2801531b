/**
 * The error catalogue. Three kinds of bad news that are never confused: bad input, no plan, our bug.
 * Every error is made by a function of this file, in alphabetical order, and has a stable code.
 */

export interface ErrorParts {
  /** Stable, kebab-case. */
  readonly code: string;
  /** What happened, with numbers. */
  readonly message: string;
  /** Node, operator, file, flag. */
  readonly where?: string | undefined;
  /** More lines: what is live, bounds. */
  readonly details?: readonly string[] | undefined;
  /** What the user can do. */
  readonly help?: string | undefined;
  readonly cause?: unknown;
}

// Names come from untrusted models: C0/C1 controls could drive a terminal or forge log lines.
const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );

/** Shortens a name that a model chose before it goes into a message. */
export const quote = (name: string): string => {
  const short = name.length > 120 ? `${name.slice(0, 117)}...` : name;
  return `'${printable(short).replaceAll("\n", "\\n")}'`;
};

export class StrataError extends Error {
  readonly code: string;
  readonly where: string | undefined;
  readonly details: readonly string[];
  readonly help: string | undefined;

  constructor(parts: ErrorParts) {
    super(printable(parts.message), parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = new.target.name;
    this.code = parts.code;
    this.where = parts.where === undefined ? undefined : printable(parts.where);
    this.details = (parts.details ?? []).map(printable);
    this.help = parts.help === undefined ? undefined : printable(parts.help);
  }

  /** The same facts for tools. */
  toJSON(): {
    kind: string;
    code: string;
    message: string;
    where: string | null;
    details: readonly string[];
    help: string | null;
  } {
    return {
      kind: this.name,
      code: this.code,
      message: this.message,
      where: this.where ?? null,
      details: this.details,
      help: this.help ?? null,
    };
  }

  /** The same facts for people. */
  format(): string {
    const lines = [`error[${this.code}]: ${this.message}`];
    if (this.where !== undefined) lines.push(`  at   ${this.where}`);
    for (const detail of this.details) lines.push(`  note ${detail}`);
    if (this.help !== undefined) lines.push(`  help ${this.help}`);
    return lines.join("\n");
  }
}

/** The model, the plan or a flag is bad. Exit code 2. */
export class InputError extends StrataError {}
/** No plan exists, or none was found within the budget. Exit code 1. */
export class InfeasibleError extends StrataError {}
/** A bug in Strata. Exit code 3. */
export class InternalError extends StrataError {}

/** Throws InternalError where `condition` is false. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw broken(message);
}

// ---- the catalogue, in alphabetical order ----

export const broken = (message: string, cause?: unknown): InternalError =>
  new InternalError({
    code: "internal",
    message,
    help: "this is a bug in Strata: please report it with the model and the command",
    cause,
  });

/** A node breaks the rules of its operator (rank, dtype, attribute, operand count). */
export const invalidNode = (node: string, op: string, message: string): InputError =>
  new InputError({ code: "invalid-node", message, where: `node ${quote(node)} (${op})` });

/** A shape depends on data that is known only at run time. */
export const shapeDependsOnData = (node: string, op: string, message: string): InputError =>
  new InputError({
    code: "shape-depends-on-data",
    message,
    where: `node ${quote(node)} (${op})`,
    help: "bind the input that decides it with --bind NAME=VALUES, or export the model with a static shape",
  });

export const sizeOverflow = (where: string, shape: readonly number[]): InputError =>
  new InputError({
    code: "size-overflow",
    message: `the size of shape [${shape.join(",")}] passes 2^53 - 1 bytes`,
    where,
  });

/** The operator is known, but not in this form (a dtype, an attribute): refused, never guessed. */
export const unsupportedForm = (node: string, op: string, message: string): InputError =>
  new InputError({ code: "unsupported-form", message, where: `node ${quote(node)} (${op})` });
