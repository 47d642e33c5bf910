/**
 * Addresses of Services. Each one in use is an `IPAddress` object that names its Service, written and deleted in the
 * transaction of the Service itself; the ranges they come from are the one the server was started with and every
 * `ServiceCIDR` that is not being deleted. Only IPv4 addresses are given out.
 */
import { randomUUID } from 'node:crypto';
import { type IPAddress, type ResourceInfo, type ServiceCIDR, storageKey } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import type { CommitExtras } from '../pipeline/commit-extras.ts';
import { timestamp } from '../timestamp.ts';
import type { ServerState } from '../server-state.ts';
import { storedValue } from '../storage/views.ts';
import { difference } from './allocations.ts';
import { freeNumber } from './free-number.ts';
import { addressText, isInRange, type Range, readRange } from './range.ts';

export interface Owner {
  readonly namespace: string;
  readonly name: string;
}

export class ServiceAddresses {
  readonly #server: ServerState;
  readonly #info: ResourceInfo;

  constructor(server: ServerState) {
    this.#server = server;
    this.#info = kind(server, 'ipaddresses');
  }

  /** Where addresses may be taken from: the range of the server first. */
  ranges(): readonly Range[] {
    const first = this.#server.allocations.defaultRange;
    const others = definedRanges(this.#server).filter(({ cidr }) => cidr !== first.cidr);
    return [first, ...others];
  }

  contains(address: string): boolean {
    return this.ranges().some((range) => isInRange(range, address));
  }

  /** An address that looks free, from the upper part of a range; the lower is left to those who choose theirs. */
  free(): string | undefined {
    const { index } = this.#server.cache.resource(this.#info.storagePrefix ?? '');
    for (const { base, size } of this.ranges()) {
      const reserved = Math.min(Math.max(16, Math.floor(size / 16)), 256);
      for (const floor of [reserved, 1]) {
        const isTaken = (number: number): boolean => index.has(this.key(addressText(number)));
        const free = freeNumber(base + floor, size - 1 - floor, isTaken);
        if (free !== undefined) return addressText(free);
      }
    }
    return undefined;
  }

  /** The store's key of an address in use. */
  key(address: string): string {
    return storageKey(this.#info, undefined, address, this.#server.root);
  }

  /** Conditions and effects that turn the addresses `owner` held into those it holds. */
  async extras(owner: Owner, held: readonly string[], holds: readonly string[]): Promise<CommitExtras> {
    const { added, removed } = difference(held, holds);
    const puts = added.map(async (address) => ({
      requestPut: { key: this.key(address), value: await this.#value(address, owner) },
    }));
    return {
      compare: added.map((address) => ({
        key: this.key(address),
        target: 'CREATE',
        result: 'EQUAL',
        createRevision: 0,
      })),
      success: [
        ...(await Promise.all(puts)),
        ...removed.map((address) => ({ requestDeleteRange: { key: this.key(address) } })),
      ],
    };
  }

  #value(address: string, owner: Owner): Buffer | Promise<Buffer> {
    const object = addressObject(address, owner);
    object.metadata = {
      ...object.metadata,
      uid: randomUUID(),
      creationTimestamp: timestamp(this.#server.now()),
    };
    return storedValue(this.#info, object);
  }
}

/** The object that says who has an address. */
export function addressObject(address: string, { namespace, name }: Owner): ApiObject {
  const object: IPAddress = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: {
      name: address,
      labels: {
        'ipaddress.kubernetes.io/ip-family': 'IPv4',
        'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
      },
    },
    spec: { parentRef: { resource: 'services', namespace, name } },
  };
  return object as unknown as ApiObject;
}

/** The ranges of every `ServiceCIDR` but the one named `except`. */
export function definedRanges(server: ServerState, except?: string): readonly Range[] {
  const info = kind(server, 'servicecidrs');
  const prefix = storageKey(info, undefined, undefined, server.root);
  const ranges: Range[] = [];
  server.cache
    .resource(info.storagePrefix ?? '')
    .index.forRange(prefix, `${prefix}~`, false, (_key, stored) => {
      const { metadata, spec } = stored.object() as ServiceCIDR;
      if (metadata?.deletionTimestamp !== undefined || metadata?.name === except) return;
      for (const cidr of spec?.cidrs ?? []) {
        const range = readRange(cidr);
        if (range !== undefined) ranges.push(range);
      }
    });
  return ranges;
}

function kind({ registry }: ServerState, resource: string): ResourceInfo {
  const info = registry.lookup('networking.k8s.io', 'v1', resource);
  if (info === undefined) throw new Error(`${resource} are not served`);
  return info;
}
