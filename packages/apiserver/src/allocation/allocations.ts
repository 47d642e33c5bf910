/**
 * Service addresses and node ports. Each one in use has a key of its own in the store, written in the same
 * transaction as the Service that uses it: two services can never have the same one, whoever allocates. Which ones
 * look free is known from the watch over the store; a wrong guess fails the transaction and is made again.
 */
import { randomInt } from 'node:crypto';
import type { CommitExtras } from '../pipeline/commit.ts';

const root = '/timonier/allocations/';
const maxGuesses = 1_000;

export interface AllocationOptions {
  /** CIDR of IPv4 service addresses. */
  readonly serviceRange: string;
  readonly nodePorts: { readonly first: number; readonly last: number };
}

export class Allocations {
  readonly #used = new Set<string>();
  readonly #base: number;
  readonly #size: number;
  readonly #nodePorts: AllocationOptions['nodePorts'];
  readonly range: string;

  constructor({ serviceRange, nodePorts }: AllocationOptions) {
    const { base, size } = parseRange(serviceRange);
    this.range = serviceRange;
    this.#base = base;
    this.#size = size;
    this.#nodePorts = nodePorts;
  }

  /** To be told of every key outside the registry; `present` says whether it exists now. */
  observe(key: string, present: boolean): void {
    if (!key.startsWith(root)) return;
    if (present) this.#used.add(key);
    else this.#used.delete(key);
  }

  /** First usable address: the Service `kubernetes`. */
  get firstAddress(): string {
    return addressText(this.#base + 1);
  }

  contains(address: string): boolean {
    const offset = addressNumber(address) - this.#base;
    return offset > 0 && offset < this.#size - 1;
  }

  isNodePort(port: number): boolean {
    return port >= this.#nodePorts.first && port <= this.#nodePorts.last;
  }

  get nodePortRange(): string {
    return `${this.#nodePorts.first}-${this.#nodePorts.last}`;
  }

  /** An address that looks free, from the upper part of the range; the lower is left to those who choose theirs. */
  freeAddress(): string | undefined {
    const reserved = Math.min(Math.max(16, Math.floor(this.#size / 16)), 256);
    for (const floor of [reserved, 1]) {
      const choices = this.#size - 1 - floor;
      if (choices <= 0) continue;
      for (let guess = 0; guess < maxGuesses; guess++) {
        const address = addressText(this.#base + floor + randomInt(choices));
        if (!this.#used.has(addressKey(address))) return address;
      }
    }
    return undefined;
  }

  /** A node port that looks free and is not among `taken`. */
  freeNodePort(taken: ReadonlySet<number>): number | undefined {
    const { first, last } = this.#nodePorts;
    for (let guess = 0; guess < maxGuesses; guess++) {
      const port = first + randomInt(last - first + 1);
      if (!taken.has(port) && !this.#used.has(portKey(port))) return port;
    }
    return undefined;
  }
}

/** What a service holds. */
export interface Holdings {
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
}

export const nothingHeld: Holdings = { addresses: [], ports: [] };

/** Conditions and effects that turn what `owner` held into what it holds. */
export function allocationExtras(owner: string, held: Holdings, holds: Holdings): CommitExtras | undefined {
  const before = new Set(holdingKeys(held));
  const after = new Set(holdingKeys(holds));
  const added = [...after].filter((key) => !before.has(key));
  const removed = [...before].filter((key) => !after.has(key));
  if (added.length === 0 && removed.length === 0) return undefined;
  return {
    compare: added.map((key) => ({ key, target: 'CREATE', result: 'EQUAL', createRevision: 0 })),
    success: [
      ...added.map((key) => ({ requestPut: { key, value: owner } })),
      ...removed.map((key) => ({ requestDeleteRange: { key } })),
    ],
  };
}

export function addressKey(address: string): string {
  return `${root}addresses/${address}`;
}

export function portKey(port: number): string {
  return `${root}ports/${port}`;
}

function holdingKeys(holdings: Holdings): readonly string[] {
  return [...holdings.addresses.map(addressKey), ...holdings.ports.map(portKey)];
}

function parseRange(cidr: string): { base: number; size: number } {
  const match = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(cidr);
  const bits = Number(match?.[2]);
  if (match === null || bits < 8 || bits > 30)
    throw new Error(`"${cidr}" is not an IPv4 range such as 10.96.0.0/16, between /8 and /30`);
  const size = 2 ** (32 - bits);
  const base = addressNumber(match[1] ?? '');
  return { base: base - (base % size), size };
}

function addressNumber(address: string): number {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255))
    return Number.NaN;
  return parts.reduce((number, part) => number * 256 + part, 0);
}

function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}
