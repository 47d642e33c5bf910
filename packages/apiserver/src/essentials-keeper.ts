/**
 * Makes again what every cluster has when somebody deletes it, as `kubectl delete all --all` does with the Service by
 * which pods reach the API server. By the one who has the duty: a moment after a change, and every ten seconds as
 * upstream does. A look costs no request; when something is missing, the endpoints of the API server are set anew with it.
 */
import { storageKey } from '@timonier/api';
import { essentials } from './bootstrap.ts';
import type { ResourceCache } from './cache/resource-cache.ts';
import { RepeatedWork } from './repeated-work.ts';
import type { JudgingServer } from './request-context.ts';
import { resourceOf } from './self-writer.ts';

const everyMs = 10_000;
const settleMs = 250;
const retryMs = 1_000;
/** Those that users delete; the others are found missing by the look every ten seconds. */
const followed = ['services', 'endpoints', 'endpointslices', 'namespaces'];

export class EssentialsKeeper {
  readonly #server: JudgingServer;
  readonly #makeMissing: () => Promise<void>;
  readonly #work: RepeatedWork;
  #wanted: readonly { readonly index: ResourceCache['index']; readonly key: string }[] = [];
  #unfollow: (() => void)[] = [];
  #stopReset: (() => void) | undefined;

  /** `makeMissing` makes all that is not there, and what says where the API server is. */
  constructor(server: JudgingServer, makeMissing: () => Promise<void>) {
    this.#server = server;
    this.#makeMissing = makeMissing;
    this.#work = new RepeatedWork({
      work: () => this.#keep(),
      settleMs,
      retryMs,
      everyMs,
      onError: (error) =>
        server.log.warn({ reason: String(error) }, 'could not make again what every cluster has'),
    });
  }

  /** To be called once in each term, when the cluster has it all: from then on changes are followed. */
  async keep(): Promise<void> {
    this.#stopReset ??= this.#server.cache.onReset(() => this.#follow());
    this.#follow();
    await this.#work.begin();
  }

  async stop(): Promise<void> {
    this.#stopReset?.();
    for (const stop of this.#unfollow) stop();
    await this.#work.stop();
  }

  #follow(): void {
    for (const stop of this.#unfollow) stop();
    const { cache, root } = this.#server;
    this.#wanted = essentials.map(({ resource, namespace, name }) => {
      const info = resourceOf(this.#server, resource);
      const { index } = cache.resource(info.storagePrefix ?? '');
      return { index, key: storageKey(info, namespace, name, root) };
    });
    this.#unfollow = followed.map((resource) => {
      const { storagePrefix = '' } = resourceOf(this.#server, resource);
      return cache.resource(storagePrefix).log.onAppend(() => {
        if (this.#isMissing()) this.#work.changed();
      });
    });
  }

  async #keep(): Promise<void> {
    if (this.#server.duty.holds() && this.#isMissing()) await this.#makeMissing();
  }

  #isMissing(): boolean {
    return this.#wanted.some(({ index, key }) => index.get(key) === undefined);
  }
}
