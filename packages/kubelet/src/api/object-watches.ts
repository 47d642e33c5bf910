/**
 * Watches of exactly the ConfigMaps and Secrets that volumes of pods on this node show: one for each object, however
 * many pods show it. In: what each pod shows. Out: the key of an object that changed, and the pods concerned.
 *
 * Beyond a bound nothing more is watched; the periodic refresh still brings those volumes up to date.
 */
import { resources } from '@timonier/api';
import { createInformer, type ApiClient, type Informer, type KubeObject } from '@timonier/client';
import type { ObjectReference } from '../volumes/payload.ts';

const maxWatches = 500;

type OnChange = (key: string, resourceVersion: string | undefined, podUids: readonly string[]) => void;

interface Followed {
  readonly informer: Informer<KubeObject>;
  readonly uids: Set<string>;
}

export class ObjectWatches {
  readonly #client: ApiClient;
  readonly #onChange: OnChange;
  readonly #followed = new Map<string, Followed>();

  constructor(client: ApiClient, onChange: OnChange) {
    this.#client = client;
    this.#onChange = onChange;
  }

  /** The objects that this pod shows from now on; none when it has gone. */
  follow(uid: string, objects: readonly ObjectReference[]): void {
    const wanted = new Map(objects.map((one) => [keyOf(one), one]));
    for (const [key, followed] of this.#followed) {
      if (!followed.uids.has(uid) || wanted.has(key)) continue;
      followed.uids.delete(uid);
      if (followed.uids.size > 0) continue;
      this.#followed.delete(key);
      void followed.informer.stop();
    }
    for (const [key, reference] of wanted) {
      const known = this.#followed.get(key);
      if (known !== undefined) known.uids.add(uid);
      else if (this.#followed.size < maxWatches)
        this.#followed.set(key, { informer: this.#watch(key, reference), uids: new Set([uid]) });
    }
  }

  stop(): void {
    for (const { informer } of this.#followed.values()) void informer.stop();
    this.#followed.clear();
  }

  #watch(key: string, { kind, namespace, name }: ObjectReference): Informer<KubeObject> {
    const scope = { namespace, fieldSelector: `metadata.name=${name}` };
    const informer: Informer<KubeObject> =
      kind === 'secrets'
        ? createInformer(this.#client, resources.secrets, scope)
        : createInformer(this.#client, resources.configmaps, scope);
    informer.on(({ object }) => {
      this.#onChange(key, object.metadata?.resourceVersion, [...(this.#followed.get(key)?.uids ?? [])]);
    });
    return informer;
  }
}

function keyOf({ kind, namespace, name }: ObjectReference): string {
  return `${kind}/${namespace}/${name}`;
}
