/** The server's own writes about definitions: their status, their end, and the deletion of their resources. */
import type { ResourceInfo } from '@timonier/api';
import { type ApiObject, decodeStrict } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import { rangeEnd } from '../storage/keys.ts';
import { ownContext } from '../self-writer.ts';
import type { JudgingServer } from '../request-context.ts';
import { removeObject } from '../verbs/delete.ts';
import { updateObject } from '../verbs/update.ts';
import { definitionGroup, definitionPlural } from './definition-types.ts';

/** Objects deleted at the same time. */
const atOnce = 16;

export class DefinitionWriter {
  readonly #server: JudgingServer;

  constructor(server: JudgingServer) {
    this.#server = server;
  }

  async update(
    name: string,
    subresource: string,
    change: (current: ApiObject) => ApiObject | Record<string, unknown>,
  ): Promise<void> {
    const info = this.#server.registry.lookup(definitionGroup, 'v1', definitionPlural);
    if (info === undefined) throw new Error('custom resource definitions are not served');
    const context = ownContext(this.#server, { verb: 'update', info, namespace: '', name, subresource });
    await updateObject(context, (current) => decodeStrict(info, change(current)).object);
  }

  /** Deletes every object of a kind; returns how many are still there, kept by finalizers. */
  async removeAll(info: ResourceInfo): Promise<number> {
    const { cache, root } = this.#server;
    await this.#server.reads.fresh();
    const prefix = `${root}${info.storagePrefix}/`;
    const { index } = cache.resource(info.storagePrefix ?? '');
    const found = index.getRange(prefix, rangeEnd(prefix)).map(([, stored]) => stored);
    for (let start = 0; start < found.length; start += atOnce)
      await Promise.all(
        found.slice(start, start + atOnce).map(async (stored) => {
          const { name = '', namespace = '', deletionTimestamp } = stored.object().metadata ?? {};
          if (deletionTimestamp !== undefined) return;
          const context = ownContext(this.#server, {
            verb: 'delete',
            info,
            namespace,
            name,
            subresource: '',
          });
          await removeObject(context, {}).catch((error: unknown) => {
            if (!(error instanceof StatusError) || error.status.reason !== 'NotFound') throw error;
          });
        }),
      );
    await this.#server.reads.fresh();
    return index.getRange(prefix, rangeEnd(prefix)).length;
  }
}
