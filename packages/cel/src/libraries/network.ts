/** Kubernetes' functions of IP addresses and ranges. IPv4-mapped IPv6 addresses and zones are not addresses here. */
import { isIPv4, isIPv6 } from 'node:net';
import { EvaluationError } from '../errors.ts';
import { globalFunction, type Library, memberFunction, type Overload, walkFirst } from '../overload.ts';
import { bool, int, opaque, string } from '../types.ts';
import { OpaqueValue } from '../values.ts';

const ip = opaque('net.IP');
const cidr = opaque('net.CIDR');

interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}
interface Range {
  readonly address: Address;
  readonly prefix: number;
}

function readAddress(text: string): Address | undefined {
  if (isIPv4(text)) {
    const value = text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
    return { bits: 32, value };
  }
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const value = wide(text);
  // An IPv4 address in IPv6's clothes is refused.
  return value >> 32n === 0xffffn ? undefined : { bits: 128, value };
}

function wide(text: string): bigint {
  const whole = text.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, a: string, b: string, c: string, d: string) => {
      const pair = (high: string, low: string): string => (Number(high) * 256 + Number(low)).toString(16);
      return `${pair(a, b)}:${pair(c, d)}`;
    },
  );
  const [head = '', tail] = whole.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const left = groups(head);
  const right = groups(tail ?? '');
  const middle = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...middle, ...right].reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}

/** RFC 5952. */
function show({ bits, value }: Address): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((value >> BigInt(112 - i * 16)) & 0xffffn).toString(16),
  );
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === '0') length++;
    if (length > best.length) best = { start, length };
  }
  if (best.start < 0) return groups.join(':');
  return `${groups.slice(0, best.start).join(':')}::${groups.slice(best.start + best.length).join(':')}`;
}

function readRange(text: string): Range | undefined {
  const [host = '', prefix = '', ...rest] = text.split('/');
  const address = readAddress(host);
  if (
    address === undefined ||
    rest.length > 0 ||
    !/^(0|[1-9]\d{0,2})$/.test(prefix) ||
    Number(prefix) > address.bits
  )
    return undefined;
  return { address, prefix: Number(prefix) };
}

function masked({ address, prefix }: Range): Range {
  const rest = BigInt(address.bits - prefix);
  return { address: { ...address, value: (address.value >> rest) << rest }, prefix };
}

function covers(range: Range, address: Address): boolean {
  const rest = BigInt(range.address.bits - range.prefix);
  return range.address.bits === address.bits && range.address.value >> rest === address.value >> rest;
}

function addressValue(address: Address): OpaqueValue {
  return new OpaqueValue(ip.name, show(address), address);
}
function rangeValue(range: Range): OpaqueValue {
  return new OpaqueValue(cidr.name, `${show(range.address)}/${range.prefix}`, range);
}
function toAddress(text: string): OpaqueValue {
  const address = readAddress(text);
  if (address === undefined)
    throw new EvaluationError(
      `IP Address ${JSON.stringify(text)} parse error during conversion from string: unable to parse IP`,
    );
  return addressValue(address);
}
function toRange(text: string): OpaqueValue {
  const range = readRange(text);
  if (range === undefined)
    throw new EvaluationError(
      `network address parse error during conversion from string: ${JSON.stringify(text)} is no range`,
    );
  return rangeValue(range);
}

const addressOf = (value: OpaqueValue): Address => value.data as Address;
const rangeOf = (value: OpaqueValue): Range => value.data as Range;

function inAny(address: Address, ...ranges: string[]): boolean {
  return ranges.some((text) => {
    const range = readRange(text);
    return range !== undefined && covers(range, address);
  });
}

const kinds = {
  isUnspecified: (address: Address) => address.value === 0n,
  isLoopback: (address: Address) => inAny(address, '127.0.0.0/8', '::1/128'),
  isLinkLocalMulticast: (address: Address) =>
    inAny(address, '224.0.0.0/24', 'ff02::/16') ||
    (address.bits === 128 && ((address.value >> 112n) & 0xff0fn) === 0xff02n),
  isLinkLocalUnicast: (address: Address) => inAny(address, '169.254.0.0/16', 'fe80::/10'),
} satisfies Record<string, (address: Address) => boolean>;

function isGlobalUnicast(address: Address): boolean {
  const isMulticast = inAny(address, '224.0.0.0/4', 'ff00::/8');
  const isBroadcast = address.bits === 32 && address.value === 0xffff_ffffn;
  return (
    !isMulticast &&
    !isBroadcast &&
    !kinds.isUnspecified(address) &&
    !kinds.isLoopback(address) &&
    !kinds.isLinkLocalUnicast(address)
  );
}

const question = (ask: (address: Address) => boolean): Overload[] => [
  memberFunction([ip], bool, (value: OpaqueValue) => ask(addressOf(value))),
];
const walk = { cost: walkFirst };

export const network: Library = {
  ip: [
    globalFunction([string], ip, toAddress, walk),
    memberFunction([cidr], ip, (value: OpaqueValue) => addressValue(rangeOf(value).address)),
  ],
  isIP: [globalFunction([string], bool, (text: string) => readAddress(text) !== undefined, walk)],
  'ip.isCanonical': [globalFunction([string], bool, (text: string) => toAddress(text).text === text, walk)],
  family: [memberFunction([ip], int, (value: OpaqueValue) => (addressOf(value).bits === 32 ? 4n : 6n))],
  isUnspecified: question(kinds.isUnspecified),
  isLoopback: question(kinds.isLoopback),
  isLinkLocalMulticast: question(kinds.isLinkLocalMulticast),
  isLinkLocalUnicast: question(kinds.isLinkLocalUnicast),
  isGlobalUnicast: question(isGlobalUnicast),
  cidr: [globalFunction([string], cidr, toRange, walk)],
  isCIDR: [globalFunction([string], bool, (text: string) => readRange(text) !== undefined, walk)],
  containsIP: [
    memberFunction([cidr, ip], bool, (range: OpaqueValue, address: OpaqueValue) =>
      covers(rangeOf(range), addressOf(address)),
    ),
    memberFunction([cidr, string], bool, (range: OpaqueValue, text: string) =>
      covers(rangeOf(range), addressOf(toAddress(text))),
    ),
  ],
  containsCIDR: [
    memberFunction([cidr, cidr], bool, (outer: OpaqueValue, inner: OpaqueValue) =>
      containsRange(rangeOf(outer), rangeOf(inner)),
    ),
    memberFunction([cidr, string], bool, (outer: OpaqueValue, text: string) =>
      containsRange(rangeOf(outer), rangeOf(toRange(text))),
    ),
  ],
  prefixLength: [memberFunction([cidr], int, (value: OpaqueValue) => BigInt(rangeOf(value).prefix))],
  masked: [memberFunction([cidr], cidr, (value: OpaqueValue) => rangeValue(masked(rangeOf(value))))],
  string: [
    globalFunction([ip], string, (value: OpaqueValue) => value.text),
    globalFunction([cidr], string, (value: OpaqueValue) => value.text),
  ],
};

function containsRange(outer: Range, inner: Range): boolean {
  return inner.prefix >= outer.prefix && covers(outer, masked(inner).address);
}
