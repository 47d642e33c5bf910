/**
 * Keeps the flow schemas and priority levels of the cluster as they must be, by the one who has the duty: what every cluster
 * has is there, and each schema's status says whether its level exists. Looks again after a change, and once a minute.
 */
import type { FlowSchema } from '@timonier/api';
import { type ApiObject, decodeStrict } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import { cachedObjects } from '../admission/cached.ts';
import { RepeatedWork } from '../repeated-work.ts';
import { ownContext, selfWriter } from '../self-writer.ts';
import type { JudgingServer } from '../request-context.ts';
import { updateObject } from '../verbs/update.ts';
import { withDangling } from './dangling.ts';
import type { FlowControl } from './flow-control.ts';
import { reconcileFlowControl } from './reconcile.ts';

const everyMs = 60_000;
const settleMs = 250;
const retryMs = 5_000;

export class FlowControlKeeper {
  readonly #server: JudgingServer;
  readonly #control: FlowControl;
  readonly #work: RepeatedWork;
  #unfollow: (() => void)[] = [];
  #stopReset: (() => void) | undefined;

  constructor(server: JudgingServer, control: FlowControl) {
    this.#server = server;
    this.#control = control;
    this.#work = new RepeatedWork({
      work: () => this.#keep(),
      settleMs,
      retryMs,
      everyMs,
      onError: (error) => server.log.warn({ reason: String(error) }, 'could not keep the flow schemas'),
    });
  }

  start(): void {
    this.#stopReset = this.#server.cache.onReset(() => this.#follow());
    this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopReset?.();
    for (const stop of this.#unfollow) stop();
    await this.#work.stop();
  }

  /** To be called once the cluster has what else it needs: from then on changes are followed. */
  keep(): Promise<void> {
    return this.#work.begin();
  }

  #follow(): void {
    for (const stop of this.#unfollow) stop();
    const { cache } = this.#server;
    this.#unfollow = ['flowschemas', 'prioritylevelconfigurations'].map((prefix) =>
      cache.resource(prefix).log.onAppend(() => this.#work.changed()),
    );
  }

  async #keep(): Promise<void> {
    if (!this.#server.duty.holds()) return;
    await reconcileFlowControl(selfWriter(this.#server), this.#server);
    const { dangling } = this.#control;
    for (const schema of cachedObjects<FlowSchema>(this.#server, 'flowschemas')) {
      const name = schema.metadata?.name ?? '';
      const isDangling = dangling.has(name);
      if (withDangling(schema, isDangling, this.#server.now()) === undefined) continue;
      await this.#writeStatus(name, isDangling);
    }
  }

  async #writeStatus(name: string, isDangling: boolean): Promise<void> {
    const info = this.#server.registry.lookup('flowcontrol.apiserver.k8s.io', 'v1', 'flowschemas');
    if (info === undefined) throw new Error('flow schemas are not served');
    const target = { verb: 'update', info, namespace: '', name, subresource: 'status' } as const;
    const change = (current: ApiObject): ApiObject => {
      const schema = current as FlowSchema;
      return (withDangling(schema, isDangling, this.#server.now()) ?? schema) as ApiObject;
    };
    try {
      await updateObject(
        ownContext(this.#server, target),
        (current) => decodeStrict(info, change(current)).object,
      );
    } catch (error) {
      if (!(error instanceof StatusError) || error.status.reason !== 'NotFound') throw error;
    }
  }
}
