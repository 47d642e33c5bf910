/** Reads a YAML or JSON document of a known kind by hand-written rules; every mistake names its field. Pure. */
import { parse } from 'yaml';
import { parseDuration } from '@timonier/component';

export type Fields = Readonly<Record<string, unknown>>;

export interface DocumentType {
  readonly kind: string;
  readonly group: string;
  readonly versions: readonly string[];
}

/** Throws unless the document is a map of that kind, in one of the versions. */
export function parseDocument(text: string, { kind, group, versions }: DocumentType): Fields {
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 100 });
  } catch (error) {
    throw new Error(`it is not YAML: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  const root = mapOf(document, 'the configuration');
  const known = versions.map((version) => `${group}/${version}`);
  if (root['kind'] !== kind) throw new Error(`kind: Required value: must be ${kind}`);
  if (typeof root['apiVersion'] !== 'string' || !known.includes(root['apiVersion']))
    throw new Error(`apiVersion: Required value: must be ${known.join(' or ')}`);
  return root;
}

export function mapOf(value: unknown, at: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${at}: Invalid value: must be a map`);
  return value as Fields;
}

/** Throws for a field that is none of those known: a misspelt rule must not be taken for no rule. */
export function onlyKnown(fields: Fields, known: readonly string[], at: string): void {
  for (const name of Object.keys(fields))
    if (!known.includes(name)) throw new Error(`${at === '' ? '' : `${at}.`}${name}: unknown field`);
}

/** Empty when it is absent. */
export function listOf(value: unknown, at: string, max = 64): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Error(`${at}: Invalid value: must be a list`);
  if (value.length > max) throw new Error(`${at}: Too many: ${value.length}: must have at most ${max} items`);
  return value;
}

/** Empty when it is absent. */
export function textOf(value: unknown, at: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new Error(`${at}: Invalid value: must be a string`);
  return value;
}

export function booleanOf(value: unknown, at: string, absent: boolean): boolean {
  if (value === undefined || value === null) return absent;
  if (typeof value !== 'boolean') throw new Error(`${at}: Invalid value: must be true or false`);
  return value;
}

/** In milliseconds. */
export function durationOf(value: unknown, at: string): number {
  const text = textOf(value, at);
  if (text === '') throw new Error(`${at}: Required value`);
  let duration: number;
  try {
    duration = parseDuration(text);
  } catch (error) {
    throw new Error(`${at}: Invalid value: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (!(duration > 0)) throw new Error(`${at}: Invalid value: "${text}": must be > 0s`);
  return duration;
}

export function oneOf<T extends string>(value: unknown, at: string, known: readonly T[]): T {
  const text = textOf(value, at);
  if (text === '') throw new Error(`${at}: Required value`);
  const found = known.find((one) => one === text);
  if (found === undefined)
    throw new Error(
      `${at}: Unsupported value: "${text}": supported values: ${known.map((one) => `"${one}"`).join(', ')}`,
    );
  return found;
}
