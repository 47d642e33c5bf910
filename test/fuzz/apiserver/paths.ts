/** Where hostile requests go: collections, names and subresources that are there, and some that cannot be. */
import { apiVersionOf, type ResourceInfo } from '@timonier/api';
import type { Random } from '../../simulation/random.ts';
import { hostileText } from './values.ts';

/** Never written to: what stands there must be there in the end. */
export const keptNamespace = 'kept';
export const fuzzNamespaces: readonly string[] = ['fuzz-1', 'fuzz-2'];

const reaching: ReadonlySet<string> = new Set(['proxy', 'log', 'exec', 'attach', 'portforward']);

export function collectionOf(random: Random, info: ResourceInfo): string {
  const root = info.group === '' ? '/api/v1' : `/apis/${apiVersionOf(info)}`;
  const watch = random.chance(0.01) ? '/watch' : '';
  if (!info.namespaced) return `${root}${watch}/${info.resource}`;
  const namespace = random.chance(0.95) ? random.pick(fuzzNamespaces) : encodeName(hostileText(random));
  return `${root}${watch}/namespaces/${namespace}/${info.resource}`;
}

export function subresourceOf(random: Random, info: ResourceInfo): string {
  const names = info.subresources.map(({ name }) => name).filter((name) => !reaching.has(name));
  if (names.length === 0 || random.chance(0.1)) return `/${encodeName(hostileText(random)).slice(0, 500)}`;
  return `/${random.pick(names)}`;
}

export function randomName(random: Random): string {
  if (random.chance(0.15)) return hostileText(random).slice(0, 4_000);
  return `f${random.below(20)}`;
}

export function encodeName(name: string): string {
  return encodeURIComponent(name.toWellFormed());
}
