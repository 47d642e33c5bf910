/** deletecollection: every selected object, each by its own deletion; one that is gone meanwhile is no error. */
import { StatusError } from '@timonier/api/statuses';
import { dryRunParameter } from '../pipeline/query.ts';
import { encodeList } from '../pipeline/encode.ts';
import { representationOf } from '../pipeline/respond.ts';
import { contentTypes } from '../http/media.ts';
import type { RequestContext } from '../server-state.ts';
import { readDeleteOptions, removeObject } from './delete.ts';
import { readPage } from './list.ts';
import { readOptions } from './read-options.ts';

const atOnce = 16;

export async function removeCollection(context: RequestContext): Promise<void> {
  const { exchange, target } = context;
  const representation = representationOf(exchange);
  const options = await readDeleteOptions(exchange);
  const dryRun = context.dryRun || dryRunParameter(options.dryRun ?? []);
  const { items, meta } = await readPage(context, readOptions(context));
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
  const body = encodeList(items, meta, { info: target.info, representation, includeObject: 'Metadata' });
  await exchange.send(200, contentTypes[representation.media], body);
}
