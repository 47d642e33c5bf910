/** Hostile values: texts, numbers and trees that parsers, validators and stores stumble over. All from one seed. */
import type { Random } from '../../simulation/random.ts';

export type Tree = Record<string, unknown>;

const texts: readonly string[] = [
  '',
  ' ',
  '.',
  '..',
  '../../etc/passwd',
  'a/b',
  'a%2fb',
  '%00',
  '\0',
  '\u202e',
  '\ud800',
  '\ufeff',
  'é',
  'é',
  '💥'.repeat(80),
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '__proto__.polluted',
  'null',
  'true',
  'NaN',
  '0x10',
  '1e400',
  '-0',
  '9223372036854775808',
  '18446744073709551616',
  '1Ei',
  '999999999999999Ei',
  '1e-400',
  '0001-01-01T00:00:00Z',
  '9999-99-99T99:99:99Z',
  '2020-01-01T00:00:00+99:99',
  'v1',
  'apps/v1/x',
  'kube-system',
  'system:masters',
  '(a+)+$',
  '((((((((((a*)*)*)*)*)*)*)*)*)*)*$',
  '\\',
  '"',
  '${jndi:ldap://x}',
  '<script>',
  "'; DROP TABLE pods; --",
  '0.0.0.0/0',
  '::ffff:127.0.0.1',
  '256.1.1.1',
  '*',
  '*.*',
  '*/5 * * * *',
  '60 24 32 13 8',
];

const numbers: readonly number[] = [
  0,
  -0,
  1,
  -1,
  0.1,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 53,
  2 ** 53 + 2,
  2 ** 63,
  -(2 ** 63),
  1e21,
  1e308,
  65_536,
  100_001,
];

/** Stands before digits that go into JSON as they are, and not as the text that they are here. */
const exact = '@exactly:';

/** JSON with numbers that JavaScript cannot hold. */
export function writeJson(value: unknown): string {
  return (JSON.stringify(value) ?? 'null').replaceAll(new RegExp(`"${exact}([^"]+)"`, 'g'), '$1');
}

export function hostileText(random: Random): string {
  if (random.chance(0.05)) return random.pick(['x', '-', '\n', 'é', '/']).repeat(random.below(20_000));
  if (random.chance(0.1)) return `${random.pick(texts)}${random.pick(texts)}`;
  return random.pick(texts);
}

function hostileScalar(random: Random): unknown {
  switch (random.below(6)) {
    case 0:
      return random.pick(numbers);
    case 1:
      return random.pick([null, true, false]);
    case 2:
      return `${exact}${random.pick(['9007199254740993', '-9223372036854775809', '1e999', '123456789012345678901234567890'])}`;
    default:
      return hostileText(random);
  }
}

export function hostileTree(random: Random, depth = 0): unknown {
  const kind = depth > 6 ? 0 : random.below(8);
  if (kind < 5) return hostileScalar(random);
  const count = depth === 0 && random.chance(0.02) ? random.below(500) : random.below(depth < 4 ? 4 : 2);
  if (kind === 5) return Array.from({ length: count }, () => hostileTree(random, depth + 1));
  const out: [string, unknown][] = [];
  for (let i = 0; i < count; i++) out.push([hostileText(random), hostileTree(random, depth + 1)]);
  return Object.fromEntries(out);
}

/** Changes a few places of a valid object: values replaced, dropped, doubled, nested, or put under other names. */
export function mutated(random: Random, object: unknown, changes: number): unknown {
  let root = structuredClone(object);
  for (let i = 0; i < changes; i++) {
    const places: (readonly [Tree | unknown[], string])[] = [];
    collect(root, places);
    if (places.length === 0) return hostileTree(random);
    const [holder, key] = random.pick(places);
    const target = holder as Tree;
    switch (random.below(20)) {
      case 0:
        if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else delete target[key];
        break;
      case 1:
        define(target, hostileText(random), target[key]);
        break;
      case 2:
        target[key] = [target[key], target[key]];
        break;
      case 3:
        target[key] = { [hostileText(random)]: target[key] };
        break;
      case 4:
        target[key] = hostileTree(random);
        break;
      case 5:
        if (Array.isArray(holder)) holder.push(...structuredClone(holder));
        else target[key] = Array.from({ length: random.below(300) }, () => structuredClone(target[key]));
        break;
      case 6:
        target[key] = hostileScalar(random);
        break;
      default:
        target[key] = ofSameType(random, target[key]);
    }
    if (JSON.stringify(root).length > 4_000_000) root = hostileTree(random);
  }
  return root;
}

/** What the decoder lets pass, so that what comes behind it must judge. */
function ofSameType(random: Random, value: unknown): unknown {
  if (typeof value === 'string') return hostileText(random);
  if (typeof value === 'number') return random.pick(numbers);
  if (typeof value === 'boolean') return !value;
  return Array.isArray(value) ? [] : {};
}

function collect(node: unknown, out: (readonly [Tree | unknown[], string])[]): void {
  if (node === null || typeof node !== 'object' || out.length > 2_000) return;
  const holder = node as Tree;
  for (const key of Object.keys(holder)) {
    out.push([holder, key]);
    collect(holder[key], out);
  }
}

function define(target: Tree, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}
