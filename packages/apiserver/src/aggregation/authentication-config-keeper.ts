/**
 * Keeps the ConfigMap by which secondary API servers know this one: made at the beginning of a term, and put right again
 * when somebody changes or deletes it. What others add beside our own entries stays.
 */
import type { ConfigMap } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { cachedObject } from '../admission/cached.ts';
import { publish } from '../bootstrap.ts';
import { selfWriter } from '../self-writer.ts';
import type { ServerState } from '../server-state.ts';
import { type AuthenticationConfig, authenticationConfigMap, configName } from './authentication-config.ts';

const settleMs = 250;
const retryMs = 5_000;

export class AuthenticationConfigKeeper {
  readonly #server: ServerState;
  readonly #wanted: ApiObject;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #unfollow: (() => void) | undefined;
  #stopReset: (() => void) | undefined;
  #stopped = false;
  #hasBegun = false;

  constructor(server: ServerState, config: AuthenticationConfig) {
    this.#server = server;
    this.#wanted = authenticationConfigMap(config);
  }

  start(): void {
    this.#stopReset = this.#server.cache.onReset(() => this.#follow());
    this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopReset?.();
    this.#unfollow?.();
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** To be called once in each term: from then on changes are followed. */
  async keep(): Promise<void> {
    this.#hasBegun = true;
    await this.#keep();
  }

  #follow(): void {
    this.#unfollow?.();
    this.#unfollow = this.#server.cache.resource('configmaps').log.onAppend(() => {
      if (this.#hasBegun && !this.#isRight()) this.#schedule(settleMs);
    });
  }

  #schedule(inMs: number): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running ??= this.#keep()
        .catch((error: unknown) => {
          this.#server.log.warn({ reason: String(error) }, `could not keep the ConfigMap ${configName}`);
          this.#schedule(retryMs);
        })
        .finally(() => {
          this.#running = undefined;
        });
    }, inMs).unref();
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
