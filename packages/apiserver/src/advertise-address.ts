/**
 * Under which address others reach this server, when nobody says so: that it listens on, or else the host's first one
 * that means something to other hosts.
 */
import type { NetworkInterfaceInfo } from 'node:os';

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Whether an address means this host, or any of its own, and so nothing elsewhere. */
export function isOwnOnly(address: string): boolean {
  return /^(127\.|0\.0\.0\.0$|169\.254\.)/.test(address) || ['::', '::1', 'localhost'].includes(address);
}

/** `advertised` and `bound` are what the flags say. A host without a network has its loopback address only. */
export function advertiseAddress(advertised: string, bound: string, interfaces: Interfaces): string {
  if (advertised !== '') return advertised;
  if (!isOwnOnly(bound)) return bound;
  const candidates = Object.values(interfaces).flatMap((list) => list ?? []);
  const first = candidates.find(
    ({ family, internal, address }) => family === 'IPv4' && !internal && !isOwnOnly(address),
  );
  return first?.address ?? '127.0.0.1';
}
