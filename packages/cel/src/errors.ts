/** What can go wrong: at compile time a list of issues with their places, at run time one error. */

export interface Issue {
  /** Offset in the source, in UTF-16 units. */
  readonly at: number;
  readonly message: string;
}

/** An expression does not compile. The message shows every place, as cel-go does. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
  readonly issues: readonly Issue[];

  constructor(source: string, issues: readonly Issue[]) {
    super(describe(source, issues));
    this.issues = issues;
  }
}

/** An expression has no value for this input. */
export class EvaluationError extends Error {
  override readonly name: string = 'EvaluationError';
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
  const before = source.slice(0, at);
  const line = before.split('\n').length;
  const column = at - (before.lastIndexOf('\n') + 1);
  const text = source.split('\n')[line - 1] ?? '';
  // Of a long line, only what stands around.
  const from = text.length <= maxLine ? 0 : Math.max(0, column - maxLine / 2);
  const shown = text.slice(from, from + maxLine);
  return `ERROR: <input>:${line}:${column + 1}: ${message}\n | ${shown}\n | ${'.'.repeat(column - from)}^`;
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
