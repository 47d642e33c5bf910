/**
 * Node ports of Services, and the range that addresses come from when no other is defined. Each port in use has a key of
 * its own in the store, written in the same transaction as the Service that uses it: two services can never have the
 * same one, whoever allocates. Which ones look free is known from the watch over the store; a wrong guess fails the
 * transaction and is made again. Addresses are kept the same way, by `IPAddress` objects: see `addresses.ts`.
 */
import type { CommitExtras } from '../pipeline/commit-extras.ts';
import { freeNumber } from './free-number.ts';
import { addressText, type Range, readRange } from './range.ts';

const root = '/timonier/allocations/';

/** Node ports for those who choose theirs: of a range no larger than this, none. */
const leastReserve = 16;

export interface AllocationOptions {
  /** CIDR of IPv4 service addresses. */
  readonly serviceRange: string;
  readonly nodePorts: { readonly first: number; readonly last: number };
}

export class Allocations {
  readonly #used = new Set<string>();
  /** Of those before a load, whom it has not told of yet; empty while there is none. */
  #doubtful = new Set<string>();
  readonly #nodePorts: AllocationOptions['nodePorts'];
  readonly defaultRange: Range;

  constructor({ serviceRange, nodePorts }: AllocationOptions) {
    const range = readRange(serviceRange);
    if (range === undefined)
      throw new Error(`"${serviceRange}" is not an IPv4 range such as 10.96.0.0/16, between /8 and /30`);
    this.defaultRange = range;
    this.#nodePorts = nodePorts;
  }

  /** To be told of every key outside the registry; `present` says whether it exists now. */
  observe(key: string, present: boolean): void {
    if (!key.startsWith(root)) return;
    this.#doubtful.delete(key);
    if (present) this.#used.add(key);
    else this.#used.delete(key);
  }

  /** Around every load of the store: what has gone while nobody listened is told by no change. */
  loading(phase: 'begins' | 'ended'): void {
    if (phase === 'ended') for (const key of this.#doubtful) this.#used.delete(key);
    this.#doubtful = new Set(phase === 'begins' ? this.#used : []);
  }

  /** First usable address: the Service `kubernetes`. */
  get firstAddress(): string {
    return addressText(this.defaultRange.base + 1);
  }

  isNodePort(port: number): boolean {
    return port >= this.#nodePorts.first && port <= this.#nodePorts.last;
  }

  /** As far as this server has heard. */
  isUsed(port: number): boolean {
    return this.#used.has(portKey(port));
  }

  get nodePortRange(): string {
    return `${this.#nodePorts.first}-${this.#nodePorts.last}`;
  }

  /** A node port that looks free and is not among `taken`. */
  freeNodePort(taken: ReadonlySet<number>): number | undefined {
    const { first, last } = this.#nodePorts;
    const size = last - first + 1;
    const isTaken = (port: number): boolean => taken.has(port) || this.isUsed(port);
    // As upstream, the lower ones are left to those who choose theirs, for as long as there are others.
    const reserved = size <= leastReserve ? 0 : Math.min(Math.max(leastReserve, Math.floor(size / 32)), 128);
    return freeNumber(first + reserved, size - reserved, isTaken) ?? freeNumber(first, reserved, isTaken);
  }
}

/** What a service holds. */
export interface Holdings {
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
}

export const nothingHeld: Holdings = { addresses: [], ports: [] };

/** Conditions and effects that turn the ports `owner` held into those it holds. */
export function portExtras(owner: string, held: Holdings, holds: Holdings): CommitExtras {
  const { added, removed } = difference(held.ports, holds.ports);
  return {
    compare: added.map((port) => ({
      key: portKey(port),
      target: 'CREATE',
      result: 'EQUAL',
      createRevision: 0,
    })),
    success: [
      ...added.map((port) => ({ requestPut: { key: portKey(port), value: owner } })),
      ...removed.map((port) => ({ requestDeleteRange: { key: portKey(port) } })),
    ],
  };
}

export function difference<T>(before: readonly T[], after: readonly T[]): { added: T[]; removed: T[] } {
  return {
    added: after.filter((item) => !before.includes(item)),
    removed: before.filter((item) => !after.includes(item)),
  };
}

/** What keys of ports begin with. */
export const portKeys = `${root}ports/`;

export function portKey(port: number): string {
  return `${portKeys}${port}`;
}
