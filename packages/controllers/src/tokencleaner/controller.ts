/** Deletes bootstrap tokens when they have expired. */
import { resources } from '@timonier/api';
import { isNotFound, type Stoppable } from '@timonier/client';
import { bootstrapToken, tokenNamespace } from '../bootstrap/token.ts';
import { feed, type LoopContext, startQueueLoop } from '../loop.ts';

/** A timer cannot be set for longer than this. */
const longestMs = 24 * 3_600_000;

export function startTokenCleaner(context: LoopContext): Stoppable {
  const { client, informers, term, log } = context;
  return startQueueLoop(context, {
    name: 'tokencleaner',
    concurrency: 1,
    feeds: [feed(informers.bootstrapTokens, ({ metadata }) => [metadata?.name ?? ''])],
    sync: async (name) => {
      const key = { namespace: tokenNamespace, name };
      const secret = informers.bootstrapTokens.get(key);
      const expiresAt = secret && bootstrapToken(secret)?.expiresAt;
      if (secret === undefined || expiresAt === undefined) return undefined;
      const leftMs = expiresAt - Date.now();
      if (leftMs > 0) return { againAfterMs: Math.min(leftMs + 1, longestMs) };
      log.info({ secret: name }, 'removing a bootstrap token that has expired');
      const uid = secret.metadata?.uid;
      const options = uid === undefined ? term.write : { ...term.write, preconditions: { uid } };
      await client.delete(resources.secrets, key, options).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
      return undefined;
    },
  });
}
