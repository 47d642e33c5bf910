/**
 * What stands between the API server and its store: values are sealed on the way there and opened on the way back, by
 * the configuration that holds at that moment. A value that does not open becomes a note of why: one object that cannot
 * be read must not keep the others from being read. Custom resources are told by their keys, served or not: they are
 * loaded before their kind is known, and deleted when no version of it is served any more.
 */
import type { Registry } from '@timonier/api';
import { isPlainValue, unreadableValue } from '../storage/stored-object.ts';
import { providersFor, type ResourceEncryption } from './configuration.ts';
import { identity, isSealed, type Provider } from './providers.ts';

const unsealed: readonly Provider[] = [identity];

export class Sealer {
  readonly #root: string;
  readonly #registry: Registry;
  #configuration: readonly ResourceEncryption[];
  #byPrefix: ReadonlyMap<string, readonly Provider[]> | undefined;
  readonly #listeners = new Set<() => void>();
  failures = 0;

  constructor(root: string, registry: Registry, configuration: readonly ResourceEncryption[]) {
    this.#root = root;
    this.#registry = registry;
    this.#configuration = configuration;
    registry.onChange(() => {
      this.#byPrefix = undefined;
    });
  }

  configure(configuration: readonly ResourceEncryption[]): void {
    this.#configuration = configuration;
    this.#byPrefix = undefined;
    for (const listener of this.#listeners) listener();
  }

  /** Called when other keys may open, or write, than before. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** True for storage prefixes of the resources that the configuration names. */
  isConfigured(prefix: string): boolean {
    return (this.#of(`${this.#root}${prefix}/`) ?? unsealed) !== unsealed;
  }

  seal(key: string, value: Buffer): Buffer {
    return this.#first(key).seal(key, value);
  }

  /** True when the value would be sealed in another way today. */
  isStale(key: string, value: Buffer): boolean {
    const { prefix } = this.#first(key);
    return prefix.length === 0 ? isSealed(value) : !value.subarray(0, prefix.length).equals(prefix);
  }

  #first(key: string): Provider {
    return this.#of(key)?.[0] ?? identity;
  }

  /** The plain value, or a note that `fromStored` throws as an error; of what is of no kind the value as it is. */
  open(key: string, value: Buffer): Buffer {
    const providers = this.#of(key);
    if (providers === undefined) return value;
    try {
      return open(providers, key, value);
    } catch (error) {
      this.failures++;
      const reason = error instanceof Error ? error.message : String(error);
      return unreadableValue(reason);
    }
  }

  /** Undefined for what is neither of a kind that is served nor where custom resources lie. */
  #of(key: string): readonly Provider[] | undefined {
    if (!key.startsWith(this.#root)) return undefined;
    const providers = this.#providers();
    const first = key.indexOf('/', this.#root.length);
    if (first < 0) return undefined;
    const one = providers.get(key.slice(this.#root.length, first));
    if (one !== undefined) return one;
    const second = key.indexOf('/', first + 1);
    if (second < 0) return undefined;
    const two = providers.get(key.slice(this.#root.length, second));
    if (two !== undefined) return two;
    // Custom resources lie under their group, which is a domain, and their plural.
    const group = key.slice(this.#root.length, first);
    if (!group.includes('.')) return undefined;
    return providersFor(this.#configuration, { group, resource: key.slice(first + 1, second) }) ?? unsealed;
  }

  /** Of every kind that is served, by its storage prefix. */
  #providers(): ReadonlyMap<string, readonly Provider[]> {
    if (this.#byPrefix === undefined) {
      const byPrefix = new Map<string, readonly Provider[]>();
      for (const info of this.#registry.all()) {
        const { storagePrefix } = info;
        if (storagePrefix === undefined) continue;
        // Kinds of two groups may be stored as one: it is sealed when either is to be.
        const found = providersFor(this.#configuration, info);
        if (found !== undefined || !byPrefix.has(storagePrefix))
          byPrefix.set(storagePrefix, found ?? unsealed);
      }
      this.#byPrefix = byPrefix;
    }
    return this.#byPrefix;
  }
}

function open(providers: readonly Provider[], key: string, value: Buffer): Buffer {
  const sealed = isSealed(value);
  if (!sealed) {
    if (providers.includes(identity)) return value;
    throw new Error(
      'no matching prefix found: the value is not encrypted, and identity is no provider of it',
    );
  }
  const tried: string[] = [];
  for (const provider of providers) {
    const { prefix } = provider;
    if (prefix.length === 0 || !value.subarray(0, prefix.length).equals(prefix)) continue;
    try {
      const plain = provider.open(key, value);
      if (isPlainValue(plain)) return plain;
      tried.push('what was opened is no object');
    } catch (error) {
      tried.push(error instanceof Error ? error.message : String(error));
    }
  }
  // Whatever comes before the fourth colon and the name after it were never secret.
  const name = value.toString('latin1', 0, 200).split(':').slice(2, 5).join(':');
  throw new Error(
    tried.length > 0 ? tried.join('; ') : `no matching prefix found: there is no key for ${name}`,
  );
}
