/**
 * Command-line flags as typed data.
 *
 * A component declares its flags as a record; parsing turns an argument vector and an environment into a
 * record of values of the right types. Spelling follows Go's `flag` package, as etcd and Kubernetes do:
 * `--name=value`, `--name value`, one dash or two, and a bare boolean means true. An unknown flag is an error
 * that names the nearest known one.
 */
import { nearestName } from './nearest-name.ts';

export interface Flag<T> {
  readonly kind: 'string' | 'boolean' | 'number' | 'duration' | 'list';
  readonly help: string;
  readonly default: T;
  /** Shown in `--help` for the value instead of its kind: `FILE`, `debian|built`. */
  readonly value?: string;
  /** Shown in `--help` instead of the raw default, and used when the default depends on the machine. */
  readonly placeholder?: string;
  /** Environment variable that supplies the value when the flag is absent. */
  readonly env?: string;
  readonly parse: (text: string) => T;
}

// The type of one flag does not matter to code that walks over all of them.
// oxlint-disable-next-line typescript/no-explicit-any
export type FlagSet = Readonly<Record<string, Flag<any>>>;
export type FlagValues<F extends FlagSet> = {
  readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never;
};

interface FlagOptions {
  readonly value?: string;
  readonly placeholder?: string;
  readonly env?: string;
}

interface NumberOptions extends FlagOptions {
  /** With either bound the value must be within both, and a whole number unless `fraction`. */
  readonly min?: number;
  readonly max?: number;
  readonly fraction?: boolean;
}

/** The bounds of a port; 0 leaves the choice to the kernel. */
export const portRange = { min: 0, max: 65_535 };

export function stringFlag(defaultValue: string, help: string, options: FlagOptions = {}): Flag<string> {
  return { kind: 'string', default: defaultValue, help, parse: (text) => text, ...options };
}

export function booleanFlag(defaultValue: boolean, help: string, options: FlagOptions = {}): Flag<boolean> {
  return { kind: 'boolean', default: defaultValue, help, parse: parseBoolean, ...options };
}

export function numberFlag(defaultValue: number, help: string, options: NumberOptions = {}): Flag<number> {
  const { min, max, fraction, ...rest } = options;
  const parse = (text: string): number => parseBounded(text, min, max, fraction === true);
  return { kind: 'number', default: defaultValue, help, parse, ...rest };
}

/** A duration in milliseconds; accepts Go's spelling (`1m30s`, `250ms`, `1.5h`). */
export function durationFlag(
  defaultMilliseconds: number,
  help: string,
  options: FlagOptions = {},
): Flag<number> {
  return { kind: 'duration', default: defaultMilliseconds, help, parse: parseDuration, ...options };
}

/** One of a few words. */
export function choiceFlag<const T extends string>(
  defaultValue: NoInfer<T>,
  choices: readonly T[],
  help: string,
  options: FlagOptions = {},
): Flag<T> {
  const parse = (text: string): T => choiceOf(text, choices);
  return { kind: 'string', value: choices.join('|'), default: defaultValue, help, parse, ...options };
}

/** A regular expression that names have to match. */
export function patternFlag(help: string): Flag<RegExp | undefined> {
  const parse = (text: string): RegExp => new RegExp(text);
  return { kind: 'string', value: 'PATTERN', default: undefined, placeholder: 'all', help, parse };
}

interface ChoicesOptions<T> extends FlagOptions {
  readonly default?: readonly T[];
  /** False when the words are too many for the help. */
  readonly isListed?: false;
}

/** A comma-separated list of such words, which may be repeated; all of them by default. */
export function choicesFlag<const T extends string>(
  choices: readonly T[],
  help: string,
  options: ChoicesOptions<NoInfer<T>> = {},
): Flag<readonly T[]> {
  const parse = (text: string): readonly T[] => parseList(text).map((word) => choiceOf(word, choices));
  const { isListed, ...rest } = options;
  const shown = options.default === undefined ? { placeholder: 'all' } : {};
  return {
    kind: 'list',
    default: choices,
    help: isListed === false ? help : `${help}: ${choices.join(', ')}`,
    parse,
    ...shown,
    ...rest,
  };
}

/** A comma-separated list; the flag may be repeated, and the values accumulate. */
export function listFlag(
  defaultValue: readonly string[],
  help: string,
  options: FlagOptions = {},
): Flag<readonly string[]> {
  return { kind: 'list', default: defaultValue, help, parse: parseList, ...options };
}

/** A list to which every use of the flag adds one item, whatever is in it. */
export function repeatedFlag(help: string, options: FlagOptions = {}): Flag<readonly string[]> {
  return { kind: 'list', default: [], help, parse: (text) => [text], ...options };
}

/** What is wrong with a command line, in one sentence for the person who typed it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface ParsedArguments<F extends FlagSet> {
  readonly flags: FlagValues<F>;
  /** Arguments that are not flags, and everything after `--`. */
  readonly positional: readonly string[];
  /** Names of the flags that were given, as opposed to defaulted. */
  readonly given: ReadonlySet<string>;
}

export function parseArguments<F extends FlagSet>(
  set: F,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): ParsedArguments<F> {
  const values: Record<string, unknown> = {};
  const given = new Set<string>();
  const positional: string[] = [];
  for (const [name, flag] of Object.entries(set)) {
    const text = flag.env === undefined ? undefined : env[flag.env];
    values[name] = text === undefined ? flag.default : parseValue(`$${flag.env}`, flag, text);
    if (text !== undefined) given.add(name);
  }
  const fromCommandLine = new Set<string>();
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? '';
    if (argument === '--') {
      positional.push(...argv.slice(i + 1));
      break;
    }
    if (!argument.startsWith('-') || argument === '-') {
      positional.push(argument);
      continue;
    }
    const equals = argument.indexOf('=');
    const name = argument.slice(argument.startsWith('--') ? 2 : 1, equals < 0 ? undefined : equals);
    const flag = Object.hasOwn(set, name) ? set[name] : undefined;
    if (flag === undefined) throw new UsageError(unknownFlag(name, Object.keys(set)));
    let text: string | undefined = equals < 0 ? undefined : argument.slice(equals + 1);
    if (text === undefined) {
      if (flag.kind === 'boolean') text = 'true';
      else {
        text = argv[++i];
        if (text === undefined) throw new UsageError(`flag --${name} needs a value`);
      }
    }
    const value = parseValue(`--${name}`, flag, text);
    const accumulate = flag.kind === 'list' && fromCommandLine.has(name);
    values[name] = accumulate ? [...(values[name] as string[]), ...(value as string[])] : value;
    fromCommandLine.add(name);
    given.add(name);
  }
  return { flags: values as FlagValues<F>, positional, given };
}

function parseValue<T>(source: string, flag: Flag<T>, text: string): T {
  try {
    return flag.parse(text);
  } catch (error) {
    throw new UsageError(`${source}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function parseBoolean(text: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  throw new Error(`"${text}" is neither true nor false`);
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new Error(`"${text}" is not a number`);
  return value;
}

function parseBounded(
  text: string,
  min: number | undefined,
  max: number | undefined,
  fraction: boolean,
): number {
  const value = parseNumber(text);
  if (min === undefined && max === undefined) return value;
  const isOfKind = fraction || Number.isInteger(value);
  if (isOfKind && value >= (min ?? -Infinity) && value <= (max ?? Infinity)) return value;
  const bounds =
    max === undefined ? `at least ${min}` : min === undefined ? `at most ${max}` : `from ${min} to ${max}`;
  throw new Error(`"${text}" is not a ${fraction ? '' : 'whole '}number ${bounds}`);
}

function choiceOf<T extends string>(text: string, choices: readonly T[]): T {
  const choice = choices.find((one) => one === text);
  if (choice === undefined) throw new Error(`"${text}" is none of ${choices.join(', ')}`);
  return choice;
}

function parseList(text: string): readonly string[] {
  return text === '' ? [] : text.split(',').map((item) => item.trim());
}

const unitMilliseconds: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Parses Go's duration syntax into milliseconds. Throws when the text is not a duration. */
export function parseDuration(text: string): number {
  if (text === '0') return 0;
  const match = /^([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.exec(text);
  if (match === null) throw new Error(`"${text}" is not a duration such as 500ms, 30s or 1h30m`);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(amount) * (unitMilliseconds[unit ?? ''] ?? Number.NaN);
  }
  return match[1] === '-' ? -total : total;
}

function unknownFlag(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, [...known, 'help']);
  const hint = nearest === undefined ? '--help lists them' : `did you mean --${nearest}?`;
  return `unknown flag --${name}; ${hint}`;
}

/** Go's spelling, in the largest unit that leaves it a whole number. */
function formatDuration(milliseconds: number): string {
  const unit = (['h', 'm', 's'] as const).find((name) => milliseconds % (unitMilliseconds[name] ?? 1) === 0);
  if (milliseconds === 0 || unit === undefined) return `${milliseconds}ms`;
  return `${milliseconds / (unitMilliseconds[unit] ?? 1)}${unit}`;
}

function defaultOf(flag: FlagSet[string]): string {
  if (flag.placeholder !== undefined) return flag.placeholder;
  return flag.kind === 'duration' ? formatDuration(Number(flag.default)) : String(flag.default);
}

/** The flags part of a help text, one flag a line. */
export function describeFlags(set: FlagSet): string {
  const names = Object.entries(set).map(([name, flag]) =>
    `  --${name} ${flag.value ?? (flag.kind === 'boolean' ? '' : flag.kind)}`.trimEnd(),
  );
  const width = Math.max(...names.map((name) => name.length), 0);
  return Object.values(set)
    .map((flag, i) => {
      const shown = defaultOf(flag);
      const env = flag.env === undefined ? '' : ` [$${flag.env}]`;
      return `${(names[i] ?? '').padEnd(width)}  ${flag.help}${shown === '' ? '' : ` (default ${shown})`}${env}`;
    })
    .join('\n');
}
