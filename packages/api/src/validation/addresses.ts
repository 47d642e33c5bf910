/** The rules of addresses and of ranges of them, as the fields that take them are checked in 1.36: strictly. */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { invalid, type FieldError } from './field-error.ts';

const NOT_AN_ADDRESS = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const NOT_A_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** `010.0.0.1`, which some read as decimal and some as octal. */
const LEADING_ZEROS = /^(?:\d{1,4}\.){3}\d{1,4}$/;
const MAPPED = /^(?:0{1,4}:){0,5}:{0,2}ffff:(?:\d{1,3}\.){3}\d{1,3}$|^::ffff:[\da-f]{1,4}:[\da-f]{1,4}$/i;

function plainZeros(text: string): string {
  return text
    .split('.')
    .map((part) => part.replace(/^0+(?=\d)/, ''))
    .join('.');
}

/** Without a zone, which means something on one host only. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}

/** An address in one spelling only: no zeros in front, no IPv4 in IPv6's clothes. */
export function address(field: string, text: string): FieldError[] {
  if (isAddress(text))
    return MAPPED.test(text) ? [invalid(field, text, 'must not be an IPv4-mapped IPv6 address')] : [];
  const isZeroed = LEADING_ZEROS.test(text) && isIPv4(plainZeros(text));
  return [invalid(field, text, isZeroed ? 'must not have leading 0s' : NOT_AN_ADDRESS)];
}

/** An address range in the usual notation, whatever its spelling. */
export function isCidr(text: string): boolean {
  const [start = '', bits = '', ...more] = text.split('/');
  const version = isAddress(start) ? isIP(start) : 0;
  if (version === 0 || more.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(bits)) return false;
  return Number(bits) <= (version === 4 ? 32 : 128);
}

/** An address range that begins where its length says. */
export function cidr(field: string, text: string): FieldError[] {
  if (!isCidr(text)) {
    const [start = '', bits = ''] = text.split('/');
    const isZeroed = /^\d{1,4}$/.test(bits) && isCidr(`${plainZeros(start)}/${Number(bits)}`);
    return [invalid(field, text, isZeroed ? 'must not have leading 0s in IP or prefix length' : NOT_A_CIDR)];
  }
  const [start = '', bits = ''] = text.split('/');
  if (MAPPED.test(start)) return [invalid(field, text, 'must not have an IPv4-mapped IPv6 address')];
  if (beginsEarlier(start, Number(bits)))
    return [invalid(field, text, 'must not have bits set beyond the prefix length')];
  return [];
}

/** An address of an interface with the length of its network, in the one spelling that everybody writes. */
export function interfaceAddress(field: string, text: string): FieldError[] {
  const [start = '', bits = ''] = plainZeros(text).split('/');
  if (!isCidr(`${start}/${bits}`))
    return [
      invalid(field, text, 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)'),
    ];
  const canonical = `${canonicalAddress(start)}/${bits}`;
  return text === canonical
    ? []
    : [invalid(field, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

function canonicalAddress(text: string): string {
  if (isIPv4(text)) return text;
  if (!MAPPED.test(text)) return new URL(`http://[${text}]`).hostname.slice(1, -1);
  const bits = ipv6Bits(text);
  return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 0xffn)).join('.');
}

function beginsEarlier(start: string, length: number): boolean {
  const [value, size] = isIPv4(start) ? [ipv4Bits(start), 32] : [ipv6Bits(start), 128];
  return (value & ((1n << BigInt(size - length)) - 1n)) !== 0n;
}

function ipv4Bits(text: string): bigint {
  return text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function ipv6Bits(text: string): bigint {
  const dotted = /[\d.]+$/.exec(text)?.[0] ?? '';
  let plain = text;
  if (dotted.includes('.')) {
    const value = ipv4Bits(dotted);
    plain = `${text.slice(0, -dotted.length)}${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
  }
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const middle = tail === undefined ? 0 : 8 - left.length - right.length;
  const words = [...left, ...Array.from({ length: middle }, () => '0'), ...right];
  return words.reduce((sum, word) => (sum << 16n) | BigInt(`0x${word}`), 0n);
}

/** Whether there is no more than one of each family. */
export function isDualStack(list: readonly string[]): boolean {
  const families = list.map((text) => (text.includes(':') ? 6 : 4));
  return new Set(families).size === 2;
}

function rangeOf(...subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [start = '', bits] = subnet.split('/');
    list.addSubnet(start, Number(bits), isIPv4(start) ? 'ipv4' : 'ipv6');
  }
  return list;
}

const special = [
  [rangeOf('127.0.0.0/8', '::1/128'), 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  [rangeOf('169.254.0.0/16', 'fe80::/10'), 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  [
    rangeOf('224.0.0.0/24', 'ff02::/16'),
    'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  ],
] as const;
const unspecified = rangeOf('0.0.0.0/32', '::/128');

/** An address that is none, or that nobody outside could mean. */
export function outsideAddress(field: string, text: string): FieldError[] {
  const errors = address(field, text);
  return errors.length > 0 ? errors : notSpecial(field, text);
}

/** Addresses that mean the node itself, its link, or nothing are of no use elsewhere. Takes a well-formed one. */
export function notSpecial(field: string, text: string): FieldError[] {
  if (!isAddress(text)) return [invalid(field, text, 'must be a valid IP address')];
  const family = isIPv4(text) ? 'ipv4' : 'ipv6';
  if (unspecified.check(text, family)) return [invalid(field, text, `may not be unspecified (${text})`)];
  return special.flatMap(([range, detail]) =>
    range.check(text, family) ? [invalid(field, text, detail)] : [],
  );
}
