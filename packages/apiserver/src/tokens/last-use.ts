/**
 * Says on a Secret on which day its token was last used. By that and by the day since which it is said, which a ConfigMap
 * tells, upstream's controllers find tokens that nobody uses any more.
 */
import type { Secret } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';

const lastUsedLabel = 'kubernetes.io/legacy-token-last-used';
export const trackingConfigMap = 'kube-apiserver-legacy-service-account-token-tracking';

/** Writes the label; rejects when it cannot, such as on a server that is not the active one. */
export type WriteDay = (namespace: string, name: string, day: string) => Promise<void>;

export class LastUse {
  readonly #write: WriteDay;
  readonly #now: () => number;
  readonly #writing = new Set<string>();

  constructor(write: WriteDay, now: () => number) {
    this.#write = write;
    this.#now = now;
  }

  /** Costs a write on the first use of a day, and nothing after it. One that fails is made up for by the next use. */
  note({ metadata }: Secret): void {
    const day = dayOf(this.#now());
    const { namespace = '', name = '', labels } = metadata ?? {};
    const key = `${namespace}/${name}`;
    if (labels?.[lastUsedLabel] === day || this.#writing.has(key)) return;
    this.#writing.add(key);
    void this.#write(namespace, name, day)
      .catch(() => undefined)
      .finally(() => this.#writing.delete(key));
  }
}

/** As upstream writes it. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

export function withLastUse(secret: ApiObject, day: string): ApiObject {
  const { metadata } = secret;
  return { ...secret, metadata: { ...metadata, labels: { ...metadata?.labels, [lastUsedLabel]: day } } };
}
