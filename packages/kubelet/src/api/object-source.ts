/**
 * ConfigMaps, Secrets, Services and tokens for pods, from the API server. Objects are read when needed and kept for
 * a moment, so that the containers of one pod do not ask for the same thing several times.
 */
import { resources, type ConfigMap, type Pod, type Secret, type Service } from '@timonier/api';
import {
  isNotFound,
  type ApiClient,
  type Informer,
  type KubeObject,
  type ResourceType,
} from '@timonier/client';
import type { ObjectReference, PayloadSource } from '../volumes/payload.ts';
import type { PullCredentials } from '../pod/image-puller.ts';
import { ObjectWatches } from './object-watches.ts';
import { type IssuedToken, TokenCache } from './token-cache.ts';

const keepMs = 2_000;
const maxKept = 500;
const servicesWaitMs = 10_000;

interface Kept {
  readonly at: number;
  readonly value: Promise<KubeObject | undefined>;
}

export class ApiObjectSource implements PayloadSource {
  readonly #client: ApiClient;
  readonly #services: Informer<Service>;
  readonly #kept = new Map<string, Kept>();
  readonly #onTokenRefused: (pod: Pod, message: string) => void;
  readonly #watches: ObjectWatches;
  readonly #tokens = new TokenCache();

  constructor(
    client: ApiClient,
    services: Informer<Service>,
    onTokenRefused: (pod: Pod, message: string) => void,
    /** An object that the volumes of this pod show has changed. */
    onChange: (podUid: string) => void,
  ) {
    this.#client = client;
    this.#services = services;
    this.#onTokenRefused = onTokenRefused;
    this.#watches = new ObjectWatches(client, (key, resourceVersion, uids) => {
      const kept = this.#kept.get(key);
      void (kept?.value ?? Promise.resolve(undefined))
        .catch(() => undefined)
        .then((value) => {
          // The first thing a watch shows is mostly what the volumes have just been made from.
          if (value !== undefined && value.metadata?.resourceVersion === resourceVersion) return;
          if (this.#kept.get(key) === kept) this.#kept.delete(key);
          for (const uid of uids) onChange(uid);
        });
    });
  }

  follow(uid: string, objects: readonly ObjectReference[]): void {
    this.#watches.follow(uid, objects);
  }

  forget(uid: string): void {
    this.#watches.follow(uid, []);
    this.#tokens.forget(uid);
  }

  stop(): void {
    this.#watches.stop();
  }

  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.#read(resources.configmaps, namespace, name);
  }

  secret(namespace: string, name: string): Promise<Secret | undefined> {
    return this.#read(resources.secrets, namespace, name);
  }

  async services(namespace: string): Promise<readonly Service[]> {
    await within(this.#services.synced, servicesWaitMs, 'the services of the cluster are not known yet');
    return this.#services
      .list()
      .filter(
        ({ metadata }) =>
          metadata?.namespace === namespace ||
          (metadata?.namespace === 'default' && metadata.name === 'kubernetes'),
      );
  }

  token(pod: Pod, audience: string | undefined, expirationSeconds: number): Promise<string | undefined> {
    const account = pod.spec?.serviceAccountName ?? 'default';
    const wish = { podUid: pod.metadata?.uid ?? '', account, audience, expirationSeconds };
    return this.#tokens.token(wish, () => this.#issue(pod, account, audience, expirationSeconds));
  }

  async #issue(
    pod: Pod,
    account: string,
    audience: string | undefined,
    expirationSeconds: number,
  ): Promise<IssuedToken | undefined> {
    const { namespace = 'default', name = '', uid = '' } = pod.metadata ?? {};
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const answer = await this.#client.request('POST', path, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        ...(audience === undefined ? {} : { audiences: [audience] }),
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    });
    if (answer.status === 200 || answer.status === 201) {
      const { status } = JSON.parse(answer.body.toString('utf8')) as {
        status?: { token?: string; expirationTimestamp?: string };
      };
      const expiresAt = Date.parse(status?.expirationTimestamp ?? '');
      if (status?.token !== undefined)
        return {
          token: status.token,
          expiresAt: Number.isNaN(expiresAt) ? Date.now() + expirationSeconds * 1_000 : expiresAt,
        };
    }
    this.#onTokenRefused(
      pod,
      `the API server issued no token for service account ${account} (${answer.status})`,
    );
    return undefined;
  }

  /** Credentials for a registry from the pod's imagePullSecrets. */
  async credentials(pod: Pod, image: string): Promise<PullCredentials | undefined> {
    const namespace = pod.metadata?.namespace ?? 'default';
    const registry = registryOf(image);
    for (const { name = '' } of pod.spec?.imagePullSecrets ?? []) {
      const secret = await this.secret(namespace, name);
      const encoded = secret?.data?.['.dockerconfigjson'];
      if (encoded === undefined) continue;
      const { auths = {} } = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as {
        auths?: Record<string, PullCredentials>;
      };
      for (const [address, found] of Object.entries(auths)) {
        if (address.replace(/^https?:\/\//, '').split('/')[0] === registry) return found;
      }
    }
    return undefined;
  }

  async #read<T extends KubeObject>(
    type: ResourceType<T>,
    namespace: string,
    name: string,
  ): Promise<T | undefined> {
    const key = `${type.resource}/${namespace}/${name}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined && performance.now() - kept.at < keepMs)
      return kept.value as Promise<T | undefined>;
    const value = this.#client.get(type, { namespace, name }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      this.#kept.delete(key);
      throw error;
    });
    this.#kept.delete(key);
    this.#kept.set(key, { at: performance.now(), value });
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > maxKept && oldest.done !== true) this.#kept.delete(oldest.value);
    return value;
  }
}

/** What a kubelet without an API server has: nothing. */
export const noObjects: PayloadSource = {
  configMap: () => Promise.resolve(undefined),
  secret: () => Promise.resolve(undefined),
  services: () => Promise.resolve([]),
  token: () => Promise.resolve(undefined),
  follow: () => undefined,
  forget: () => undefined,
};

function registryOf(image: string): string {
  const first = image.split('/')[0] ?? '';
  return image.includes('/') && /[.:]|^localhost$/.test(first) ? first : 'index.docker.io';
}

async function within<T>(promise: Promise<T>, milliseconds: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(message)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
