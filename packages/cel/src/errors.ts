/** What can go wrong: at compile time a list of issues with their places, at run time one error. */

export interface Issue {
  /** Offset in the source, in UTF-16 units; `nowhere` when it is about the whole. */
  readonly at: number;
  readonly message: string;
}

export const nowhere = -1;

/** An expression does not compile. The message shows every place, as cel-go does. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
  readonly issues: readonly Issue[];
  /** The message with what failed before it. */
  readonly problem: string;

  /** With a `problem` of its own when it is none of the language. */
  constructor(source: string, issues: readonly Issue[], problem?: string) {
    const message = describe(source, issues);
    super(problem ?? message);
    this.issues = issues;
    this.problem = problem ?? `compilation failed: ${message}`;
  }
}

/**
 * An expression has no value for this input. Without a stack: in a loop hundreds of thousands may be thrown, and writing down where would
 * take most of the time.
 */
export class EvaluationError extends Error {
  override readonly name: string = 'EvaluationError';

  constructor(message: string, options?: ErrorOptions) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = limit;
  }
}

/** Evaluation was stopped: it cost more than it may. */
export class CostError extends EvaluationError {
  override readonly name = 'CostError';

  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

/** As upstream: the others are only counted. */
const maxIssues = 100;
/** Each issue repeats its line twice: a long line with many of them would be megabytes. */
const maxDescription = 32 * 1024;
const maxLine = 1_000;

function describe(source: string, issues: readonly Issue[]): string {
  const lines: string[] = [];
  let length = 0;
  for (const issue of issues.slice(0, maxIssues)) {
    const text = formatIssue(source, issue);
    length += text.length;
    if (lines.length > 0 && length > maxDescription) break;
    lines.push(text);
  }
  if (lines.length < issues.length) lines.push(`${issues.length - lines.length} more errors were truncated`);
  return lines.join('\n');
}

function formatIssue(source: string, { at, message }: Issue): string {
  if (at === nowhere) return `ERROR: <input>:-1:0: ${message}`;
  if (source === '') return `ERROR: <input>:1:0: ${message}`;
  const before = source.slice(0, at);
  const line = before.split('\n').length;
  const start = before.lastIndexOf('\n') + 1;
  const text = source.split('\n')[line - 1] ?? '';
  // Of a long line, only what stands around.
  const from = text.length <= maxLine ? 0 : Math.max(0, at - start - maxLine / 2);
  const shown = text.slice(from, from + maxLine);
  const dots = Array.from(text.slice(from, at - start), (c) => (isWide(c) ? '．' : '.')).join('');
  const here = String.fromCodePoint(text.codePointAt(at - start) ?? 0);
  const column = Array.from(before.slice(start)).length + 1;
  return `ERROR: <input>:${line}:${column}: ${message}\n | ${shown}\n | ${dots}${isWide(here) ? '＾' : '^'}`;
}

/** Shown with twice the width, more or less: as cel-go guesses it. */
function isWide(character: string): boolean {
  return (character.codePointAt(0) ?? 0) > 0x7f;
}

/** No text that an expression makes is longer: what repeats its input could grow without bound. */
const maxText = 8 * 1024 * 1024;

/** Throws when a text of this length must not be made. */
export function checkLength(length: number): void {
  if (length > maxText) throw new EvaluationError(`the result would be longer than ${maxText} characters`);
}

export function noSuchOverload(name?: string): EvaluationError {
  return new EvaluationError(name === undefined ? 'no such overload' : `no such overload: ${name}`);
}
