/**
 * etcd's `--config-file`: a YAML file with the names of the flags as keys. As in etcd, where it is given, other flags
 * and variables of etcd do not count; flags that only this store has still do.
 */
import { readFileSync } from 'node:fs';
import { type FlagSet, nearestName, UsageError } from '@timonier/component';
import { parse } from 'yaml';

type Variables = Readonly<Record<string, string | undefined>>;

interface Arranged {
  readonly argv: readonly string[];
  readonly env: Variables;
}

const flagName = 'config-file';
const variable = 'ETCD_CONFIG_FILE';

/** Sections of the file, and what their keys begin with as flags. */
const sections: Readonly<Record<string, string>> = {
  'client-transport-security': '',
  'peer-transport-security': 'peer-',
};
/** Keys of a section that are called otherwise on the command line. */
const renamed: Readonly<Record<string, string>> = {
  'crl-file': 'client-crl-file',
  'allowed-cn': 'cert-allowed-cn',
  'allowed-hostname': 'cert-allowed-hostname',
};

export function readConfigFile(
  argv: readonly string[],
  env: Variables,
  known: FlagSet,
  own: FlagSet,
): Arranged {
  const { path, rest } = takeFlag(argv);
  const file = path ?? env[variable];
  if (file === undefined || file === '') return { argv: rest, env };
  return {
    argv: [...fromFile(file, known), ...onlyOwn(rest, known, own)],
    env: Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('ETCD_'))),
  };
}

function takeFlag(argv: readonly string[]): { path: string | undefined; rest: readonly string[] } {
  const rest: string[] = [];
  let path: string | undefined;
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? '';
    const [name, ...value] = argument.replace(/^--?/, '').split('=');
    if (!argument.startsWith('-') || name !== flagName) rest.push(argument);
    else if (value.length > 0) path = value.join('=');
    else {
      path = argv[++i];
      if (path === undefined) throw new UsageError(`flag --${flagName} needs a value`);
    }
  }
  return { path, rest };
}

/** Arguments for flags that etcd does not have, with their values. */
function onlyOwn(argv: readonly string[], known: FlagSet, own: FlagSet): string[] {
  const kept: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? '';
    const [name = ''] = argument.replace(/^--?/, '').split('=');
    const flag = Object.hasOwn(known, name) ? known[name] : undefined;
    const drops = flag !== undefined && !Object.hasOwn(own, name);
    if (!drops) kept.push(argument);
    else if (!argument.includes('=') && flag.kind !== 'boolean') i++;
  }
  return kept;
}

function fromFile(path: string, known: FlagSet): string[] {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`--${flagName}: cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  if (content === null) return [];
  if (typeof content !== 'object' || Array.isArray(content))
    throw new UsageError(`--${flagName}: ${path} is no list of names and values`);
  const argv: string[] = [];
  const take = (name: string, value: unknown): void => {
    if (!Object.hasOwn(known, name))
      throw new UsageError(`--${flagName}: ${path}: there is no ${name}${hintOf(name, Object.keys(known))}`);
    if (value !== null) argv.push(`--${name}=${textOf(name, value)}`);
  };
  for (const [key, value] of Object.entries(content)) {
    const prefix = sections[key];
    if (prefix === undefined) take(key, value);
    else if (typeof value === 'object' && value !== null)
      for (const [name, inner] of Object.entries(value)) {
        const flag = renamed[name] ?? name;
        take(flag.startsWith('client-crl') && prefix !== '' ? 'peer-crl-file' : prefix + flag, inner);
      }
  }
  return argv;
}

function textOf(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.map((each) => textOf(name, each)).join(',');
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  throw new UsageError(`--${flagName}: the value of ${name} is neither text nor a number`);
}

function hintOf(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}
