/**
 * Keeps the status of validating policies, by the one who has the duty: which generation was looked at, and which
 * expressions do not fit the kinds that the policy is about. Looks at a policy once per generation, as upstream.
 */
import type { ValidatingAdmissionPolicy } from '@timonier/api';
import { type ApiObject, decodeStrict } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import { RepeatedWork } from '../../repeated-work.ts';
import { ownContext } from '../../self-writer.ts';
import type { JudgingServer } from '../../request-context.ts';
import { updateObject } from '../../verbs/update.ts';
import { cachedObjects } from '../cached.ts';
import { typeWarnings } from './type-check.ts';

const prefix = 'validatingadmissionpolicies';
const settleMs = 50;
const retryMs = 1_000;

export class PolicyStatusKeeper {
  readonly #server: JudgingServer;
  readonly #work: RepeatedWork;
  readonly #onError: (error: unknown) => void;
  #unfollow: (() => void) | undefined;
  #offs: (() => void)[] = [];

  constructor(server: JudgingServer) {
    this.#server = server;
    this.#onError = (error) =>
      server.log.warn({ reason: String(error) }, 'could not keep the status of admission policies');
    this.#work = new RepeatedWork({ work: () => this.#keep(), settleMs, retryMs, onError: this.#onError });
  }

  start(): void {
    const { cache, duty } = this.#server;
    this.#offs = [cache.onReset(() => this.#follow()), duty.onChange(() => this.#work.changed())];
    this.#work.begin().catch(this.#onError);
    this.#follow();
  }

  async stop(): Promise<void> {
    for (const off of this.#offs) off();
    this.#unfollow?.();
    await this.#work.stop();
  }

  #follow(): void {
    this.#unfollow?.();
    this.#unfollow = this.#server.cache.resource(prefix).log.onAppend(() => this.#work.changed());
    this.#work.changed();
  }

  #unseen(): Readonly<ValidatingAdmissionPolicy>[] {
    return cachedObjects<ValidatingAdmissionPolicy>(this.#server, prefix).filter(isUnseen);
  }

  async #keep(): Promise<void> {
    for (const policy of this.#unseen()) {
      if (!this.#server.duty.holds()) return;
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
