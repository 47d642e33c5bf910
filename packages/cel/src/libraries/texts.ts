/** Texts: the standard functions, cel-go's strings extension (version 2), and Kubernetes' regular expressions. */
import { RE2JS } from 're2js';
import { weightOf } from '../equality.ts';
import { checkLength, EvaluationError } from '../errors.ts';
import {
  globalFunction,
  type Library,
  memberFunction,
  type Overload,
  textCost,
  walkFirst,
} from '../overload.ts';
import { bool, dyn, int, list, string } from '../types.ts';
import { ArrayList, type List } from '../values.ts';
import { format } from './text-format.ts';

/** What a message may put in that nothing is counted for. */
const freeCharacters = 1_000;

/** Compiled patterns are kept, a bounded number of them. */
const maxKept = 1_000;
const kept = new Map<string, RE2JS>();

function regex(source: string): RE2JS {
  const known = kept.get(source);
  if (known !== undefined) return known;
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    // It says itself that this is about a regular expression.
    throw new EvaluationError(error instanceof Error ? error.message : String(error));
  }
  if (kept.size >= maxKept) kept.delete(kept.keys().next().value ?? '');
  kept.set(source, compiled);
  return compiled;
}

function findAll(text: string, source: string, limit = Number.POSITIVE_INFINITY): string[] {
  const found: string[] = [];
  const matcher = regex(source).matcher(text);
  for (let count = 0; count < limit && matcher.find(); count++) found.push(matcher.group() ?? '');
  return found;
}

const regexCost = (text: number, pattern: number): number =>
  Math.ceil((text + 1) * textCost) * Math.ceil(Math.max(1, pattern) * 0.25);
const findCost = (text?: number, pattern?: number): number => regexCost(text ?? 0, pattern ?? 0);
const both = (a?: number, b?: number): number =>
  Math.ceil((a ?? 0) * textCost) * Math.ceil((b ?? 0) * textCost);

function points(text: string): string[] {
  return Array.from(text);
}

function range(text: readonly string[], from: bigint, to: bigint): string {
  const [start, end] = [Number(from), Number(to)];
  if (start < 0 || start > text.length) throw new EvaluationError(`index out of range: ${start}`);
  if (end < 0 || end > text.length) throw new EvaluationError(`index out of range: ${end}`);
  if (start > end) throw new EvaluationError(`invalid substring range. start: ${start}, end: ${end}`);
  return text.slice(start, end).join('');
}

function indexOf(text: string, part: string, from = 0n): bigint {
  const all = points(text);
  const start = Number(from);
  if (start < 0 || start > all.length) throw new EvaluationError(`index out of range: ${start}`);
  const head = all.slice(0, start).join('').length;
  const at = text.indexOf(part, head);
  return at < 0 ? -1n : BigInt(points(text.slice(0, at)).length);
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
  const all = points(text);
  const start = from === undefined ? all.length : Number(from);
  if (start < 0 || start > all.length) throw new EvaluationError(`index out of range: ${start}`);
  const at = text.lastIndexOf(part, all.slice(0, start).join('').length);
  return at < 0 ? -1n : BigInt(points(text.slice(0, at)).length);
}

function replace(text: string, from: string, to: string, count = -1n): string {
  const parts = from === '' ? ['', ...points(text), ''] : text.split(from);
  const times = count < 0n ? parts.length : Math.min(Number(count), parts.length - 1);
  checkLength(text.length + times * to.length);
  let out = parts[0] ?? '';
  for (let i = 1; i < parts.length; i++) out += (i <= times ? to : from) + (parts[i] ?? '');
  return out;
}

/** By the longest result: every place between two characters may take the replacement. */
/** It is walked over, and a new one is made. */
const replaceCost = (text?: number): number => Math.ceil((text ?? 0) * 2 * textCost);
const joinCost = (items?: number, separator?: number): number =>
  (items ?? 0) + Math.ceil((items ?? 0) * (separator ?? 0) * textCost);

/** Without the white space of Unicode at both ends; a byte order mark is none. */
function trim(text: string): string {
  const isSpace = (at: number): boolean => /[\s\u0085]/.test(text.charAt(at)) && text.charAt(at) !== '\ufeff';
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(start)) start++;
  while (start < end && isSpace(end - 1)) end--;
  return text.slice(start, end);
}

function split(text: string, separator: string, count = -1n): ArrayList {
  const limit = Number(count);
  if (limit === 0) return new ArrayList([]);
  const parts = separator === '' ? points(text) : text.split(separator);
  if (limit < 0 || parts.length <= limit) return new ArrayList(parts);
  return new ArrayList([...parts.slice(0, limit - 1), parts.slice(limit - 1).join(separator)]);
}

function joined(items: List, separator: string): string {
  let length = 0;
  const parts = Array.from(items, (item) => {
    if (typeof item !== 'string') throw new EvaluationError('no such overload: join');
    length += item.length + separator.length;
    checkLength(length);
    return item;
  });
  return parts.join(separator);
}

/** The longest text that joining items of a type can make. */
function quote(text: string): string {
  const escapes: Readonly<Record<string, string>> = {
    '\x07': '\\a',
    '\b': '\\b',
    '\f': '\\f',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    '\v': '\\v',
    '\\': '\\\\',
    '"': '\\"',
  };
  return `"${Array.from(text, (c) => escapes[c] ?? c).join('')}"`;
}

function ascii(change: (letter: string) => string): (text: string) => string {
  return (text) => text.replaceAll(/[A-Za-z]/g, change);
}

const walk = { cost: walkFirst };
const predicate = (call: (text: string, part: string) => boolean): Overload =>
  memberFunction([string, string], bool, call, { cost: (_, part) => Math.ceil((part ?? 0) * textCost) });
const matches = (text: string, source: string): boolean => regex(source).matcher(text).find();

export const texts: Library = {
  contains: [
    memberFunction([string, string], bool, (text: string, part: string) => text.includes(part), {
      cost: both,
    }),
  ],
  startsWith: [predicate((text, part) => text.startsWith(part))],
  endsWith: [predicate((text, part) => text.endsWith(part))],
  matches: [
    memberFunction([string, string], bool, matches, { cost: findCost }),
    globalFunction([string, string], bool, matches, { cost: findCost }),
  ],
  find: [
    memberFunction(
      [string, string],
      string,
      (text: string, source: string) => findAll(text, source, 1)[0] ?? '',
      {
        cost: findCost,
      },
    ),
  ],
  findAll: [
    memberFunction(
      [string, string],
      list(string),
      (text: string, source: string) => new ArrayList(findAll(text, source)),
      {
        cost: findCost,
      },
    ),
    memberFunction(
      [string, string, int],
      list(string),
      (text: string, source: string, limit: bigint) =>
        new ArrayList(findAll(text, source, limit < 0n ? undefined : Number(limit))),
      {
        cost: findCost,
      },
    ),
  ],
  charAt: [
    memberFunction(
      [string, int],
      string,
      (text: string, at: bigint) => {
        const all = points(text);
        if (Number(at) < 0 || Number(at) > all.length) throw new EvaluationError(`index out of range: ${at}`);
        return all[Number(at)] ?? '';
      },
      { cost: walkFirst },
    ),
  ],
  indexOf: [
    memberFunction([string, string], int, (text: string, part: string) => indexOf(text, part), walk),
    memberFunction([string, string, int], int, indexOf, walk),
  ],
  lastIndexOf: [
    memberFunction([string, string], int, (text: string, part: string) => lastIndexOf(text, part), walk),
    memberFunction([string, string, int], int, lastIndexOf, walk),
  ],
  lowerAscii: [
    memberFunction(
      [string],
      string,
      ascii((c) => c.toLowerCase()),
      walk,
    ),
  ],
  upperAscii: [
    memberFunction(
      [string],
      string,
      ascii((c) => c.toUpperCase()),
      walk,
    ),
  ],
  replace: [
    memberFunction(
      [string, string, string],
      string,
      (text: string, from: string, to: string) => replace(text, from, to),
      {
        cost: replaceCost,
      },
    ),
    memberFunction([string, string, string, int], string, replace, {
      cost: replaceCost,
    }),
  ],
  split: [
    memberFunction(
      [string, string],
      list(string),
      (text: string, separator: string) => split(text, separator),
      walk,
    ),
    memberFunction([string, string, int], list(string), split, walk),
  ],
  substring: [
    memberFunction(
      [string, int],
      string,
      (text: string, from: bigint) => {
        const all = points(text);
        return range(all, from, BigInt(all.length));
      },
      walk,
    ),
    memberFunction(
      [string, int, int],
      string,
      (text: string, from: bigint, to: bigint) => range(points(text), from, to),
      walk,
    ),
  ],
  trim: [memberFunction([string], string, trim, walk)],
  join: [
    memberFunction([list(string)], string, (items: List) => joined(items, ''), {
      cost: joinCost,
    }),
    memberFunction([list(string), string], string, joined, {
      cost: joinCost,
    }),
  ],
  format: [
    memberFunction([string, list(dyn)], string, format, {
      cost: walkFirst,
      // For cel-go what is put in costs nothing: as much as messages have costs nothing here, either.
      work: (most: number, _template: string, args: List) =>
        Math.max(0, weightOf(args, most / textCost) - freeCharacters) * textCost,
    }),
  ],
  'strings.quote': [globalFunction([string], string, quote, { cost: walkFirst })],
};
