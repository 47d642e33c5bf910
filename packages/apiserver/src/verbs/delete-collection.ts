/**
 * deletecollection: every selected object, each by its own deletion; one that is gone meanwhile is no error. Where an
 * object cannot be read, nobody can say whether it is selected: then nothing is deleted, since who deletes a collection
 * counts on its end, as the controller of namespaces does.
 */
import { StatusError } from '@timonier/api/statuses';
import { dryRunParameter } from '../pipeline/query.ts';
import { representationFor, respondList } from '../pipeline/respond.ts';
import type { RequestContext } from '../request-context.ts';
import { readDeleteOptions, removeObject, warnOfOrphans } from './delete.ts';
import { refusedOption } from './delete-unreadable.ts';
import { readPage } from './list.ts';
import { readOptions } from './read-options.ts';

const atOnce = 16;

export async function removeCollection(context: RequestContext): Promise<void> {
  const { exchange, target } = context;
  const representation = representationFor(exchange, target.info, { isList: true });
  const options = await readDeleteOptions(exchange);
  warnOfOrphans(context, options);
  const dryRun = context.dryRun || dryRunParameter(options.dryRun ?? []);
  if (options.ignoreStoreReadErrorWithClusterBreakingPotential === true)
    throw refusedOption('is not allowed with DELETECOLLECTION, try again after removing the option');
  const reading = readOptions(context);
  const { items, meta } = await readPage(context, reading);
  checkReadable(context, reading.selection.prefix);
  for (let start = 0; start < items.length; start += atOnce) {
    const batch = items.slice(start, start + atOnce).map(async (item) => {
      const { name = '', namespace = '' } = item.object().metadata ?? {};
      const one = { ...context, dryRun, target: { ...target, name, namespace } };
      await removeObject(one, options).catch((error: unknown) => {
        if (!(error instanceof StatusError) || error.status.reason !== 'NotFound') throw error;
      });
    });
    await Promise.all(batch);
  }
  // Of custom resources it is said that nothing is left to ask for.
  const said = target.info.custom === undefined ? meta : { ...meta, continue: meta.continue ?? '' };
  await respondList(exchange, items, said, { info: target.info, representation, includeObject: 'Metadata' });
}

const maxCauses = 100;

/** Throws 500, as upstream, when something of the collection cannot be read. */
function checkReadable({ server, target }: RequestContext, prefix: string): void {
  const found = server.cache.unreadableUnder(prefix);
  if (found.length === 0) return;
  const { group, resource } = target.info;
  const name = group === '' ? resource : `${resource}.${group}`;
  const causes = found.slice(0, maxCauses).map(({ key, reason }) => ({
    reason: 'UnexpectedServerResponse',
    message: `unable to transform key "${key}": ${reason}`,
    field: key,
  }));
  throw new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    code: 500,
    reason: 'StorageReadError',
    message: `failed to read one or more ${name} from the storage: delete each by name with ignoreStoreReadErrorWithClusterBreakingPotential, or make it readable`,
    details: { ...(group === '' ? {} : { group }), kind: resource, causes },
  });
}
