/**
 * Keeps the ConfigMap by which secondary API servers know this one: made at the beginning of a term, and put right again
 * when somebody changes or deletes it. What others add beside our own entries stays.
 */
import type { ConfigMap } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { cachedObject } from '../admission/cached.ts';
import { publish } from '../bootstrap.ts';
import { RepeatedWork } from '../repeated-work.ts';
import { selfWriter } from '../self-writer.ts';
import type { JudgingServer } from '../request-context.ts';
import { type AuthenticationConfig, authenticationConfigMap, configName } from './authentication-config.ts';

const settleMs = 250;
const retryMs = 5_000;

export class AuthenticationConfigKeeper {
  readonly #server: JudgingServer;
  readonly #wanted: ApiObject;
  readonly #work: RepeatedWork;
  #unfollow: (() => void) | undefined;
  #stopReset: (() => void) | undefined;

  constructor(server: JudgingServer, config: AuthenticationConfig) {
    this.#server = server;
    this.#wanted = authenticationConfigMap(config);
    this.#work = new RepeatedWork({
      work: () => this.#keep(),
      settleMs,
      retryMs,
      onError: (error) =>
        server.log.warn({ reason: String(error) }, `could not keep the ConfigMap ${configName}`),
    });
  }

  start(): void {
    this.#stopReset = this.#server.cache.onReset(() => this.#follow());
    this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopReset?.();
    this.#unfollow?.();
    await this.#work.stop();
  }

  /** To be called once in each term: from then on changes are followed. */
  keep(): Promise<void> {
    return this.#work.begin();
  }

  #follow(): void {
    this.#unfollow?.();
    this.#unfollow = this.#server.cache.resource('configmaps').log.onAppend(() => {
      if (!this.#isRight()) this.#work.changed();
    });
  }

  async #keep(): Promise<void> {
    if (!this.#server.duty.holds() || this.#isRight()) return;
    await publish(selfWriter(this.#server), this.#wanted);
  }

  #isRight(): boolean {
    const stored = cachedObject<ConfigMap>(this.#server, 'configmaps', 'kube-system', configName);
    const wanted = this.#wanted['data'] as Record<string, string>;
    return Object.entries(wanted).every(([name, value]) => stored?.data?.[name] === value);
  }
}
