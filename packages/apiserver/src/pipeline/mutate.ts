/**
 * The bracket of a write: read the current state, compute the new one, commit; again when somebody else was faster.
 *
 * The first attempt computes from the watch cache, which may lag. An error or a "nothing to do" that came from
 * possibly old data is therefore not believed: it is computed once more from the store itself. Attempts are bounded.
 */
import { conflict, StatusError } from '@timonier/api/statuses';
import type { ApiObject } from '@timonier/api/decode';
import { fromStored, StoredObject, toStored } from '../storage/stored-object.ts';
import type { WriteContext, ServerState } from '../server-state.ts';
import { commit, type CommitExtras } from './commit.ts';

export type Decision =
  | { readonly action: 'put'; readonly object: ApiObject; readonly extras?: CommitExtras | undefined }
  | { readonly action: 'remove'; readonly extras?: CommitExtras | undefined }
  /** Nothing to do: the current state, or nothing, is the answer. */
  | { readonly action: 'keep' };

export interface MutationResult {
  /** State after the mutation; undefined when the object is gone. */
  readonly stored: StoredObject | undefined;
  /** State that was replaced or removed; undefined when the object is new. */
  readonly previous: StoredObject | undefined;
  readonly revision: number;
}

const maxAttempts = 12;

/** `decide` is called for each attempt with the current state and must not keep anything between calls. */
export async function mutate(
  context: WriteContext,
  key: string,
  decide: (current: StoredObject | undefined) => Promise<Decision> | Decision,
): Promise<MutationResult> {
  const { server, target } = context;
  let current = server.cache.resource(target.info.storagePrefix ?? '').index.get(key);
  let isFresh = false;
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    let decision: Decision;
    try {
      decision = await decide(current);
    } catch (error) {
      if (isFresh) throw error;
      current = await readCurrent(server, key);
      isFresh = true;
      continue;
    }
    if (decision.action === 'keep') {
      if (isFresh) return { stored: current, previous: current, revision: current?.revision ?? 0 };
      current = await readCurrent(server, key);
      isFresh = true;
      continue;
    }
    if (context.dryRun) return rehearsed(key, current, decision);
    const result = await commit(context, {
      key,
      expected: current?.revision ?? 0,
      createRevision: current?.createRevision ?? 0,
      object: decision.action === 'put' ? decision.object : undefined,
      extras: decision.extras,
    });
    if (result.outcome === 'committed')
      return { stored: result.stored, previous: current, revision: result.revision };
    if (result.outcome === 'conflict') current = result.current;
    isFresh = true;
  }
  throw new StatusError(conflict(target.info, target.name, 'too many other writers; try again'));
}

/** What a dry run answers: the state that would have been committed, under the old version. */
function rehearsed(
  key: string,
  current: StoredObject | undefined,
  decision: Exclude<Decision, { action: 'keep' }>,
): MutationResult {
  const revision = current?.revision ?? 0;
  const stored =
    decision.action === 'put' ? fromStored(key, toStored(decision.object), revision, revision) : undefined;
  return { stored, previous: current, revision };
}

/** The state in the store, read linearizably. */
export async function readCurrent(server: ServerState, key: string): Promise<StoredObject | undefined> {
  const end = server.metrics.storeDuration.startTimer({ operation: 'get' });
  const { kvs } = await server.store.range({ key }).finally(end);
  const [kv] = kvs;
  return kv === undefined ? undefined : fromStored(key, kv.value, kv.modRevision, kv.createRevision);
}
