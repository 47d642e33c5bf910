/** eviction: a deletion that asks first. No disruption budgets are served yet, so none can refuse. */
import type { Eviction } from '@timonier/api';
import { success } from '@timonier/api/statuses';
import { bodyMedia } from '../http/media.ts';
import { decodeBodyAs } from '../pipeline/decode.ts';
import { dryRunParameter } from '../pipeline/query.ts';
import { respondTree } from '../pipeline/respond.ts';
import type { RequestContext } from '../server-state.ts';
import { removeObject } from '../verbs/delete.ts';

export async function evict(context: RequestContext): Promise<void> {
  const { exchange } = context;
  const sent = decodeBodyAs(await exchange.body(), bodyMedia(exchange.header('content-type')), [
    { apiVersion: 'policy/v1', kind: 'Eviction' },
  ]) as unknown as Eviction;
  const options = sent.deleteOptions ?? {};
  const dryRun = context.dryRun || dryRunParameter(options.dryRun ?? []);
  await removeObject({ ...context, dryRun }, options);
  await respondTree(exchange, 201, success());
}
