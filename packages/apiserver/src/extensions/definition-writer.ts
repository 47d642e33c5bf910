/** The server's own writes about definitions: their status, their end, and the deletion of their resources. */
import type { ResourceInfo } from '@timonier/api';
import { type ApiObject, decodeStrict } from '@timonier/api/decode';
import { splitApiVersion } from '@timonier/api/registry';
import { notFound, StatusError } from '@timonier/api/statuses';
import { rangeEnd } from '../storage/keys.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import { ownContext } from '../self-writer.ts';
import type { JudgingServer } from '../request-context.ts';
import { removeObject } from '../verbs/delete.ts';
import { updateObject } from '../verbs/update.ts';
import { resourceAsStored } from './custom-resource.ts';
import {
  type Definition,
  definitionGroup,
  definitionPlural,
  nameOf,
  storagePrefixOf,
  storageVersionOf,
} from './definition-types.ts';

/** Objects deleted at the same time. */
const atOnce = 16;

export class DefinitionWriter {
  readonly #server: JudgingServer;

  constructor(server: JudgingServer) {
    this.#server = server;
  }

  /** Throws 404 when the definition is gone, and another one has its name. */
  async update(
    definition: Definition,
    subresource: string,
    change: (current: ApiObject) => ApiObject | Record<string, unknown>,
  ): Promise<void> {
    const info = this.#server.registry.lookup(definitionGroup, 'v1', definitionPlural);
    if (info === undefined) throw new Error('custom resource definitions are not served');
    const name = nameOf(definition);
    const context = ownContext(this.#server, { verb: 'update', info, namespace: '', name, subresource });
    await updateObject(context, (current) => {
      if (current.metadata?.uid !== definition.metadata?.uid) throw new StatusError(notFound(info, name));
      return decodeStrict(info, change(current)).object;
    });
  }

  /**
   * Deletes every object of a definition, each in the version that it is stored in; returns how many are still there, kept
   * by finalizers or because nobody can read them. As upstream no plug-in is asked: a definition goes although the webhooks
   * of its kind went before it.
   */
  async removeAll(definition: Definition): Promise<number> {
    const { cache, root, reads } = this.#server;
    await reads.fresh();
    const storagePrefix = storagePrefixOf(definition);
    const prefix = `${root}${storagePrefix}/`;
    const { index } = cache.resource(storagePrefix);
    const found = index.getRange(prefix, rangeEnd(prefix)).map(([, stored]) => stored);
    const infos = new Map<string, ResourceInfo | undefined>();
    const infoOf = ({ apiVersion = '' }: ApiObject): ResourceInfo => {
      const version = splitApiVersion(apiVersion)?.version ?? '';
      if (!infos.has(version)) infos.set(version, resourceAsStored(definition, version));
      const info = infos.get(version) ?? resourceAsStored(definition, storageVersionOf(definition));
      if (info === undefined) throw new Error(`${storagePrefix} is stored in no version`);
      return info;
    };
    for (let start = 0; start < found.length; start += atOnce)
      await Promise.all(found.slice(start, start + atOnce).map((stored) => this.#remove(stored, infoOf)));
    await reads.fresh();
    return index.getRange(prefix, rangeEnd(prefix)).length + cache.unreadableUnder(prefix).length;
  }

  async #remove(stored: StoredObject, infoOf: (object: ApiObject) => ResourceInfo): Promise<void> {
    const object = stored.object();
    const { name = '', namespace = '', uid, deletionTimestamp } = object.metadata ?? {};
    if (deletionTimestamp !== undefined) return;
    const own = ownContext(this.#server, {
      verb: 'delete',
      info: infoOf(object),
      namespace,
      name,
      subresource: '',
    });
    const context = { ...own, isJudged: true };
    await removeObject(context, uid === undefined ? {} : { preconditions: { uid } }).catch(
      (error: unknown) => {
        // It is gone, or another one has its name, which the next look finds.
        if (!(error instanceof StatusError) || (error.code !== 404 && error.code !== 409)) throw error;
      },
    );
  }
}
