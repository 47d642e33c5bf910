/** Addresses that stand for something outside of the node: those that mean the node itself, or its link, do not. */
import { BlockList, isIP, isIPv4 } from 'node:net';
import { invalid, type FieldError } from './field-error.ts';

export const NOT_AN_ADDRESS = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

function rangeOf(...subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address = '', bits] = subnet.split('/');
    list.addSubnet(address, Number(bits), isIPv4(address) ? 'ipv4' : 'ipv6');
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
export function outsideAddress(field: string, address: string): FieldError[] {
  if (isIP(address) === 0) return [invalid(field, address, NOT_AN_ADDRESS)];
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  if (unspecified.check(address, family))
    return [invalid(field, address, `may not be unspecified (${address})`)];
  return special.flatMap(([range, text]) =>
    range.check(address, family) ? [invalid(field, address, text)] : [],
  );
}
