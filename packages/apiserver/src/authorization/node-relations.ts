/**
 * Which objects have to do with a node: its pods, what these name, the volumes behind their claims with their Secrets, and
 * what names the node itself. Upstream keeps a graph of all of it; here every question is a look at one object by its
 * name, or at the pods of one node, of which the cache has an index. What the cache does not know has to do with no node.
 */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@timonier/api';
import { indexedValue, nodeName } from '../cache/field-index.ts';
import type { WatchCache } from '../cache/watch-cache.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import { isMirrorPod, type PodReferences, referencesOf } from './pod-references.ts';
import { secretsOfVolume } from './volume-secrets.ts';

interface Named {
  readonly namespace: string;
  readonly name: string;
}

const none: PodReferences = {
  serviceaccounts: new Set(),
  secrets: new Set(),
  configmaps: new Set(),
  persistentvolumeclaims: new Set(),
  resourceclaims: new Set(),
};
/** Read once of each state of a pod that somebody asks about. */
const known = new WeakMap<StoredObject, PodReferences>();

export class NodeRelations {
  readonly #cache: WatchCache;
  readonly #root: string;

  constructor(cache: WatchCache, root: string) {
    this.#cache = cache;
    this.#root = root;
  }

  /** Whether an object says that it is on the node: a pod, an attachment of a volume, a slice of devices. */
  isOn(node: string, prefix: 'pods' | 'volumeattachments' | 'resourceslices', named: Named): boolean {
    const stored = this.#stored(prefix, named.namespace, named.name);
    return stored !== undefined && node !== '' && indexedValue(stored, nodeName) === node;
  }

  /** Whether a pod of the node names an object of its namespace. */
  isNamed(node: string, kind: keyof PodReferences, { namespace, name }: Named): boolean {
    const prefix = `${this.#root}pods/${namespace}/`;
    return this.#podsOf(node).some((pod) => pod.key.startsWith(prefix) && referencesIn(pod)[kind].has(name));
  }

  /** Whether a pod of the node has a claim that the volume is bound to. */
  isMounted(node: string, volume: string): boolean {
    const found = this.#object('persistentvolumes', '', volume) as PersistentVolume | undefined;
    const claim = found?.spec?.claimRef;
    if (claim === undefined) return false;
    return this.isNamed(node, 'persistentvolumeclaims', {
      namespace: claim.namespace ?? '',
      name: claim.name ?? '',
    });
  }

  /** Whether a pod of the node, or a volume that one mounts, needs the Secret. */
  needsSecret(node: string, secret: Named): boolean {
    if (this.isNamed(node, 'secrets', secret)) return true;
    return this.#podsOf(node).some((pod) => {
      const namespace = pod.key.split('/').at(-2) ?? '';
      return [...referencesIn(pod).persistentvolumeclaims].some((name) =>
        this.#secretsBehind({ namespace, name }).some(
          (one) => one.name === secret.name && one.namespace === secret.namespace,
        ),
      );
    });
  }

  #secretsBehind({ namespace, name }: Named): readonly Named[] {
    const claim = this.#object('persistentvolumeclaims', namespace, name) as
      | PersistentVolumeClaim
      | undefined;
    const volume = this.#object('persistentvolumes', '', claim?.spec?.volumeName ?? '') as
      | PersistentVolume
      | undefined;
    // A claim may name any volume; only one that names it as well is its own.
    const { claimRef } = volume?.spec ?? {};
    if (volume === undefined || claimRef?.namespace !== namespace || claimRef.name !== name) return [];
    return secretsOfVolume(volume);
  }

  #podsOf(node: string): readonly StoredObject[] {
    if (node === '') return [];
    const valueOf = (pod: StoredObject): string => indexedValue(pod, nodeName);
    return this.#cache.resource('pods').under({ value: node, valueOf });
  }

  #stored(prefix: string, namespace: string, name: string): StoredObject | undefined {
    const key = `${this.#root}${prefix}/${namespace === '' ? '' : `${namespace}/`}${name}`;
    return this.#cache.resource(prefix).index.get(key);
  }

  #object(prefix: string, namespace: string, name: string): unknown {
    return this.#stored(prefix, namespace, name)?.object();
  }
}

function referencesIn(stored: StoredObject): PodReferences {
  let references = known.get(stored);
  if (references === undefined) {
    const pod = stored.object() as Pod;
    // A node makes mirror pods itself, and must gain nothing by them, whatever is checked elsewhere.
    references = isMirrorPod(pod) ? none : referencesOf(pod);
    known.set(stored, references);
  }
  return references;
}
