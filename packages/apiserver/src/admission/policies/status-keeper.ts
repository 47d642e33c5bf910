/**
 * Keeps the status of validating policies on the active server: which generation was looked at, and which expressions do
 * not fit the kinds that the policy is about. Looks at a policy once per generation, as upstream.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { ValidatingAdmissionPolicy } from '@timonier/api';
import { type ApiObject, decodeStrict } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import { ownContext } from '../../self-writer.ts';
import type { ServerState } from '../../server-state.ts';
import { updateObject } from '../../verbs/update.ts';
import { cachedObjects } from '../cached.ts';
import { typeWarnings } from './type-check.ts';

const prefix = 'validatingadmissionpolicies';
const settleMs = 50;
const retryMs = 1_000;
const stopMs = 500;

export class PolicyStatusKeeper {
  readonly #server: ServerState;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #unfollow: (() => void) | undefined;
  #offs: ((() => void) | undefined)[] = [];
  #stopped = false;

  constructor(server: ServerState) {
    this.#server = server;
  }

  start(): void {
    const { cache, office } = this.#server;
    this.#offs = [cache.onReset(() => this.#follow()), office?.onChange(() => this.#schedule(settleMs))];
    this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const off of this.#offs) off?.();
    this.#unfollow?.();
    clearTimeout(this.#timer);
    // A write that waits for a store which is gone ends with the store's connection.
    await Promise.race([this.#running, pause(stopMs)]);
  }

  #follow(): void {
    this.#unfollow?.();
    this.#unfollow = this.#server.cache.resource(prefix).log.onAppend(() => this.#schedule(settleMs));
    this.#schedule(settleMs);
  }

  #schedule(inMs: number): void {
    if (this.#stopped) return;
    this.#timer ??= setTimeout(() => void this.#run(), inMs).unref();
  }

  async #run(): Promise<void> {
    this.#running = this.#keep();
    try {
      await this.#running;
      this.#timer = undefined;
      if (this.#unseen().length > 0 && this.#isActive()) this.#schedule(retryMs);
    } catch (error) {
      this.#server.log.warn({ reason: String(error) }, 'could not keep the status of admission policies');
      this.#timer = undefined;
      this.#schedule(retryMs);
    }
  }

  #isActive(): boolean {
    return this.#server.office?.holds() ?? true;
  }

  #unseen(): Readonly<ValidatingAdmissionPolicy>[] {
    return cachedObjects<ValidatingAdmissionPolicy>(this.#server, prefix).filter(isUnseen);
  }

  async #keep(): Promise<void> {
    for (const policy of this.#unseen()) {
      if (this.#stopped || !this.#isActive()) return;
      await this.#write(policy.metadata?.name ?? '');
    }
  }

  async #write(name: string): Promise<void> {
    const { registry } = this.#server;
    const info = registry.lookup('admissionregistration.k8s.io', 'v1', prefix);
    if (info === undefined) throw new Error('validating admission policies are not served');
    const target = { verb: 'update', info, namespace: '', name, subresource: 'status' } as const;
    const context = { ...ownContext(this.#server, target), manager: 'validatingadmissionpolicy-status' };
    try {
      await updateObject(context, (current) => decodeStrict(info, this.#withStatus(current)).object);
    } catch (error) {
      if (!(error instanceof StatusError) || error.status.reason !== 'NotFound') throw error;
    }
  }

  #withStatus(current: ApiObject): ApiObject {
    const policy = current as ValidatingAdmissionPolicy;
    if (!isUnseen(policy)) return current;
    const expressionWarnings = typeWarnings(policy, this.#server.registry);
    const status = {
      ...policy.status,
      observedGeneration: policy.metadata?.generation ?? 0,
      typeChecking: expressionWarnings.length === 0 ? {} : { expressionWarnings },
    };
    return { ...current, status };
  }
}

function isUnseen({ metadata, status }: Readonly<ValidatingAdmissionPolicy>): boolean {
  return (status?.observedGeneration ?? 0) < (metadata?.generation ?? 0);
}
