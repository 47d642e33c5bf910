/** Kubernetes' semantic versions (semver.org 2.0.0). */
import { EvaluationError } from '../errors.ts';
import { globalFunction, type Library, memberFunction, walkFirst } from '../overload.ts';
import { bool, int, opaque, string } from '../types.ts';
import { OpaqueValue } from '../values.ts';

const semverType = opaque('kubernetes.Semver');
const form =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*))*))?(?:\+([\da-zA-Z-]+(?:\.[\da-zA-Z-]+)*))?$/;

const maxLength = 1_024;

interface Version {
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly before: readonly string[];
}

/** Takes away what is not strict: a leading `v`, leading zeros, missing parts. */
function normalized(text: string): string {
  const match = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(.*)$/s.exec(text);
  if (match === null) return text;
  const [, major = '0', minor = '0', patch = '0', rest = ''] = match;
  const plain = (digits: string): string => digits.replace(/^0+(?=\d)/, '');
  return `${plain(major)}.${plain(minor)}.${plain(patch)}${rest}`;
}

function read(text: string, normalize = false): OpaqueValue | undefined {
  if (text.length > maxLength) return undefined;
  const source = normalize ? normalized(text) : text;
  const match = form.exec(source);
  if (match === null) return undefined;
  const [, major = '0', minor = '0', patch = '0', before] = match;
  const version: Version = {
    numbers: [BigInt(major), BigInt(minor), BigInt(patch)],
    before: before === undefined ? [] : before.split('.'),
  };
  // Build metadata does not count in comparisons.
  return new OpaqueValue(semverType.name, source.replace(/\+.*$/, ''), version);
}

function parse(text: string, normalize = false): OpaqueValue {
  const version = read(text, normalize);
  if (version === undefined)
    throw new EvaluationError(`No Major.Minor.Patch elements found in ${JSON.stringify(text)}`);
  return version;
}

function compare(a: OpaqueValue, b: OpaqueValue): number {
  const [left, right] = [a.data as Version, b.data as Version];
  for (const [i, number] of left.numbers.entries()) {
    const other = right.numbers[i] ?? 0n;
    if (number !== other) return number < other ? -1 : 1;
  }
  if (left.before.length === 0 || right.before.length === 0)
    return (
      Math.sign(right.before.length - left.before.length) *
      (left.before.length === right.before.length ? 0 : 1)
    );
  for (let i = 0; i < Math.max(left.before.length, right.before.length); i++) {
    const [x, y] = [left.before[i], right.before[i]];
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    if (x === y) continue;
    const [isNumber, isOtherNumber] = [/^\d+$/.test(x), /^\d+$/.test(y)];
    if (isNumber && isOtherNumber) return BigInt(x) < BigInt(y) ? -1 : 1;
    if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
    return x < y ? -1 : 1;
  }
  return 0;
}

const walk = { cost: walkFirst };
const pair = [semverType, semverType];
const number = (at: 0 | 1 | 2) => [
  memberFunction([semverType], int, (value: OpaqueValue) => (value.data as Version).numbers[at]),
];

export const semver: Library = {
  semver: [
    globalFunction([string], semverType, (text: string) => parse(text), walk),
    globalFunction([string, bool], semverType, parse, walk),
  ],
  isSemver: [
    globalFunction([string], bool, (text: string) => read(text) !== undefined, walk),
    globalFunction(
      [string, bool],
      bool,
      (text: string, normalize: boolean) => read(text, normalize) !== undefined,
      walk,
    ),
  ],
  major: number(0),
  minor: number(1),
  patch: number(2),
  isLessThan: [memberFunction(pair, bool, (a: OpaqueValue, b: OpaqueValue) => compare(a, b) < 0)],
  isGreaterThan: [memberFunction(pair, bool, (a: OpaqueValue, b: OpaqueValue) => compare(a, b) > 0)],
  compareTo: [memberFunction(pair, int, (a: OpaqueValue, b: OpaqueValue) => BigInt(compare(a, b)))],
};
