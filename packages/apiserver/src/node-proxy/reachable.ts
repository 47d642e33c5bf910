/**
 * Where nobody is proxied to: to this very host and to what only its own link knows, such as the metadata of a cloud. What
 * listens there trusts who can reach it, and who may write an address into a pod's or node's status cannot. The addresses
 * are upstream's.
 */
import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { bad } from '../pipeline/query.ts';

const closed = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 32],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 24],
] as const) {
  closed.addSubnet(network, prefix, 'ipv4');
  closed.addSubnet(`::ffff:${network}`, 96 + prefix, 'ipv6');
}
for (const [network, prefix] of [
  ['::', 127],
  ['fe80::', 10],
  ['ff01::', 16],
  ['ff02::', 16],
] as const)
  closed.addSubnet(network, prefix, 'ipv6');

export function isReachable(address: string): boolean {
  const [plain = ''] = address.split('%');
  return !closed.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
}

/** What a request to a host needs that somebody else has named. Throws 400 for an address where nobody is proxied to. */
export function destinationAt(host: string): { readonly host: string; readonly lookup: LookupFunction } {
  if (isIP(host) !== 0 && !isReachable(host)) throw bad('address not allowed');
  return { host, lookup: lookUpReachable };
}

/** Names are looked at when they are resolved, so that what is asked is what was looked at. */
const lookUpReachable: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, options, (error, found, family) => {
    const all = Array.isArray(found) ? found.map(({ address }) => address) : [found];
    if (error === null && !all.every(isReachable)) callback(new Error('address not allowed'), '', 0);
    else callback(error, found, family);
  });
};
