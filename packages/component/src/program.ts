/**
 * What a person calls: a program with flags and arguments, or a group of them of which the first argument names one. In:
 * an argument vector. Out: an exit code. `--help` says what it is for, how it is called and what every flag means; a
 * wrong command line is one line that names what was likely meant, and exit code 2. The verbs of `timonier`, its
 * components and this repository's own scripts all answer so.
 */
import { describeFlags, type FlagSet, parseArguments, type ParsedArguments, UsageError } from './flags.ts';
import { nearestName, unknownName } from './nearest-name.ts';

export interface RunProgram {
  /** Resolves with the process's exit code. */
  (argv: readonly string[]): Promise<number>;
  readonly summary: string;
}

interface Described {
  /** What one types to call it: `timonier status`, `npm run sim --`. */
  readonly call: string;
  readonly summary: string;
  readonly examples: readonly string[];
}

/** Words of which an argument is to be one, and what each means. */
export interface Choice {
  /** What such a word is, in the singular: `action`. */
  readonly what: string;
  readonly known: Readonly<Record<string, string>>;
}

export interface ProgramCall<F extends FlagSet> extends ParsedArguments<F> {
  /** The argument at an index. Throws a UsageError that shows the usage when it is missing. */
  readonly argument: (index: number) => string;
}

export interface Program<F extends FlagSet = FlagSet> extends Described {
  /** The arguments behind `call`, such as `NAME --peer-urls URL`; none but flags by default. */
  readonly usage?: string;
  readonly flags: F;
  /** What its first argument is one of; with `mayRepeat` what all of them are, or none is given. */
  readonly choice?: Choice & { readonly mayRepeat?: boolean };
  /** How many arguments that are not flags it takes at most; none by default. */
  readonly maxArguments?: number;
  readonly run: (call: ProgramCall<F>) => Promise<number>;
}

export interface ProgramGroup extends Described {
  /** What each of its programs is, in the singular: `benchmark`. */
  readonly what: string;
  /** Each is loaded when it is called, and for its summary in the help, and not before. */
  readonly programs: Readonly<Record<string, () => RunProgram | Promise<RunProgram>>>;
}

export const exitCodes = 'Exit codes: 0 done, 1 failed, 2 wrong command line.';

export function defineProgram<F extends FlagSet>(program: Program<F>): RunProgram {
  const run = async (argv: readonly string[]): Promise<number> => {
    if (asksForHelp(argv)) {
      process.stdout.write(`${describeProgram(program)}\n${exitCodes}\n`);
      return 0;
    }
    try {
      const parsed = parseArguments(program.flags, argv, process.env);
      checkArguments(program, parsed.positional);
      const argument = (index: number): string => {
        const value = parsed.positional[index];
        if (value === undefined) throw new UsageError(`usage: ${usageOf(program)}`);
        return value;
      };
      return await program.run({ ...parsed, argument });
    } catch (error) {
      return refused(program.call, error);
    }
  };
  return Object.assign(run, { summary: program.summary });
}

export function defineGroup(group: ProgramGroup): RunProgram {
  const { call, what, programs } = group;
  const run = async (argv: readonly string[]): Promise<number> => {
    const [name = '', ...rest] = argv;
    if (name === '--help' || name === '-h' || name === 'help') {
      process.stdout.write(await helpOfGroup(group));
      return 0;
    }
    try {
      checkWord(what, Object.keys(programs), name);
    } catch (error) {
      return refused(call, error);
    }
    const program = await programs[name]?.();
    return program?.(rest) ?? 2;
  };
  return Object.assign(run, { summary: group.summary });
}

async function helpOfGroup(group: ProgramGroup): Promise<string> {
  const { call, what } = group;
  const word = what.toUpperCase();
  const known: Record<string, string> = {};
  for (const [name, load] of Object.entries(group.programs)) known[name] = (await load()).summary;
  const text = describe({ ...group, usage: `${word} …`, choice: { what, known } });
  return `${text}\n'${call} ${word} --help' explains each.\n${exitCodes}\n`;
}

/** Whether help is asked for: what follows `--` is for somebody else. */
export function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).some((argument) => argument === '--help' || argument === '-h');
}

/** Tells a person that the command line is wrong, and gives the exit code; other errors are thrown on. */
export function refused(call: string, error: unknown): number {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${call.replace(/ --$/, '')}: ${error.message}\n`);
  return 2;
}

/** The help text, with the flags that it has. */
export function describeProgram(program: Omit<Program, 'run'>): string {
  const flags = describeFlags(program.flags);
  return `${describe(program)}${flags === '' ? '' : `\nFlags:\n${flags}\n`}`;
}

function usageOf({
  call,
  usage = '',
}: {
  readonly call: string;
  readonly usage?: string | undefined;
}): string {
  return `${call} ${usage}`.trimEnd();
}

function describe({
  call,
  summary,
  usage,
  choice,
  examples,
}: Described & Pick<Program, 'usage' | 'choice'>): string {
  const choices = choice === undefined ? '' : `\n${listOf(choice)}`;
  const lines = examples.map((example) => `  ${example}\n`).join('');
  return `${call.replace(/ --$/, '')}: ${summary}

Usage:
  ${usageOf({ call, usage })}
${choices}
Examples:
${lines}`;
}

/** A heading such as `Actions:`, and a line a word. */
function listOf({ what, known }: Choice): string {
  const width = Math.max(...Object.keys(known).map((name) => name.length)) + 2;
  const lines = Object.entries(known).map(([name, does]) => `  ${name.padEnd(width)}${does}\n`);
  return `${what.charAt(0).toUpperCase()}${what.slice(1)}s:\n${lines.join('')}`;
}

function checkArguments(program: Omit<Program, 'run' | 'flags'>, positional: readonly string[]): void {
  const { choice, maxArguments = 0 } = program;
  const most = choice?.mayRepeat === true ? positional.length : maxArguments;
  const extra = positional[most];
  if (extra !== undefined) throw new UsageError(`unexpected argument "${extra}"; usage: ${usageOf(program)}`);
  if (choice === undefined) return;
  const known = Object.keys(choice.known);
  const words = choice.mayRepeat === true ? positional : [positional[0] ?? ''];
  for (const word of words) checkWord(choice.what, known, word);
}

function checkWord(what: string, known: readonly string[], word: string): void {
  if (word.startsWith('-') && nearestName(word.replace(/^--?/, ''), ['help']) !== undefined)
    throw new UsageError(`unknown flag ${word}; did you mean --help?`);
  if (word === '' || word.startsWith('-'))
    throw new UsageError(`say first which ${what}: ${known.join(', ')}`);
  if (!known.includes(word)) throw new UsageError(unknownName(what, word, known));
}
