/**
 * One example of every stored built-in kind, for tests that walk all kinds: what a client would send, from
 * `examples/*.yaml`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApiObject } from '../object.ts';
import { registry, splitApiVersion, type ResourceInfo } from '../registry.ts';
import { parseYaml } from '../yaml.ts';

export interface Example {
  readonly info: ResourceInfo;
  /** `apps/v1 Deployment` */
  readonly title: string;
  /** A fresh copy, as JSON would arrive. */
  readonly object: () => ApiObject;
}

const directory = join(import.meta.dirname, 'examples');

export function examples(): readonly Example[] {
  return readdirSync(directory)
    .sort()
    .flatMap((file) => readFileSync(join(directory, file), 'utf8').split(/^---$/m))
    .map((text) => {
      const sent = parseYaml(text).value as ApiObject;
      const { apiVersion = '', kind = '' } = sent;
      const { group = '', version = '' } = splitApiVersion(apiVersion) ?? {};
      const info = registry.byKind(group, version, kind);
      if (info === undefined) throw new Error(`an example is of ${apiVersion} ${kind}, which is not known`);
      return { info, title: `${apiVersion} ${kind}`, object: () => structuredClone(sent) };
    });
}

/** Kinds that are stored, and so must have an example. */
export function storedKinds(): readonly ResourceInfo[] {
  return registry.all().filter(({ storagePrefix }) => storagePrefix !== undefined);
}
