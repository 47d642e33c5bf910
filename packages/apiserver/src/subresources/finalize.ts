/** finalize: takes finalizers off a namespace's spec; the namespace goes when none is left. */
import type { Namespace } from '@timonier/api';
import { storageKey } from '@timonier/api';
import { conflict, notFound, StatusError } from '@timonier/api/statuses';
import { decodeObject } from '../pipeline/decode.ts';
import { mutate } from '../pipeline/mutate.ts';
import { respondObject } from '../pipeline/respond.ts';
import type { RequestContext } from '../request-context.ts';
import { sameContent } from '../storage/stored-object.ts';
import { afterUpdate, isFinished } from '../verbs/update.ts';

export async function finalize(context: RequestContext): Promise<void> {
  const { exchange, target, server } = context;
  const sent = (await decodeObject(exchange, target.info)) as Namespace;
  const key = storageKey(target.info, undefined, target.name, server.root);
  const result = await mutate(context, key, (current) => {
    if (current === undefined) throw new StatusError(notFound(target.info, target.name));
    const namespace = current.object() as Namespace;
    const version = sent.metadata?.resourceVersion ?? '';
    if (version !== '' && version !== namespace.metadata?.resourceVersion)
      throw new StatusError(conflict(target.info, target.name));
    namespace.spec = { ...namespace.spec, finalizers: sent.spec?.finalizers ?? [] };
    const object = namespace as ReturnType<typeof current.object>;
    if (isFinished(object)) return { action: 'remove', last: object };
    return sameContent(object, current) ? { action: 'keep' } : { action: 'put', object };
  });
  await respondObject(context, 200, afterUpdate(result));
}
