/**
 * The bracket of a write: read the current state, compute the new one, commit; again when somebody else was faster.
 *
 * The first attempt computes from the watch cache, which may lag. An error or a "nothing to do" that came from
 * possibly old data is therefore not believed: it is computed once more from the store itself. Dry runs, whose outcome no
 * commit confirms, are computed from the store at once. Attempts are bounded; writers that lost once take turns, so that many
 * on one object all get through.
 */
import type { ResourceInfo } from '@timonier/api';
import { conflict, StatusError } from '@timonier/api/statuses';
import type { ApiObject } from '@timonier/api/decode';
import { fromStored, type StoredObject, toStored } from '../storage/stored-object.ts';
import { prepareViews, storedValue, viewOfAny } from '../storage/views.ts';
import type { WriteContext } from '../server-state.ts';
import { commit, type CommitResult } from './commit.ts';
import type { CommitExtras } from './commit-extras.ts';
import { strategyOf } from '../strategies/index.ts';
import { isOutsideRefusal } from './outside-refusals.ts';
import { readCurrent } from './read-current.ts';
import type { Turn } from './turns.ts';

export type Decision =
  /** `value` is the object's stored form as `toStored` makes it, where that is known already. */
  | {
      readonly action: 'put';
      readonly object: ApiObject;
      readonly value?: Buffer;
      readonly extras?: CommitExtras | undefined;
    }
  /** `last` is what a change made of the object that nothing keeps any more. */
  | {
      readonly action: 'remove';
      readonly extras?: CommitExtras | undefined;
      readonly last?: ApiObject | undefined;
    }
  /** Nothing to do: the current state, or nothing, is the answer. `object` is what was to be written all the same. */
  | { readonly action: 'keep'; readonly object?: ApiObject };

export interface MutationResult {
  /** State after the mutation, in the shape of the resource that was asked for; undefined when the object is gone. */
  readonly stored: StoredObject | undefined;
  /** State that was replaced or removed; undefined when the object is new. */
  readonly previous: StoredObject | undefined;
  /** What the change made of an object that went with it; it was never stored. */
  readonly last?: StoredObject | undefined;
  readonly revision: number;
}

type Decide = (current: StoredObject | undefined) => Promise<Decision> | Decision;

const maxAttempts = 12;
/** With a turn: only writers in other processes of this master, one each, can still be faster. */
const maxAttemptsInTurn = 200;

/** `decide` is called for each attempt with the current state and must not keep anything between calls. */
export async function mutate(context: WriteContext, key: string, decide: Decide): Promise<MutationResult> {
  const { turns } = context.server;
  const attempt = new Attempts(context, key, decide);
  try {
    if (turns.isBusy(key)) attempt.turn = await turns.take(key);
    const { info } = context.target;
    const { stored, previous, last, revision } = await attempt.run();
    if (info.custom !== undefined) await prepareViews(info, [stored, previous, last]);
    const view = (state: StoredObject | undefined): StoredObject | undefined => viewOfAny(info, state);
    return { stored: view(stored), previous: view(previous), last: view(last), revision };
  } finally {
    attempt.turn?.leave(attempt.committed);
  }
}

class Attempts {
  readonly #context: WriteContext;
  readonly #key: string;
  readonly #decide: Decide;
  turn: Turn | undefined;
  committed: StoredObject | undefined;

  constructor(context: WriteContext, key: string, decide: Decide) {
    this.#context = context;
    this.#key = key;
    this.#decide = decide;
  }

  /** States are as stored here; only `decide` sees the shape that was asked for. */
  async run(): Promise<MutationResult> {
    const { server, target } = this.#context;
    let isFresh = this.#context.dryRun;
    let current = isFresh ? await readCurrent(server, target.info, this.#key) : this.#known();
    for (let attempt = 0; attempt < (this.turn === undefined ? maxAttempts : maxAttemptsInTurn); attempt++) {
      let decision: Decision;
      try {
        if (target.info.custom !== undefined) await prepareViews(target.info, [current]);
        decision = await this.#decide(viewOfAny(target.info, current));
      } catch (error) {
        if (isFresh) throw error;
        const read = await readCurrent(server, target.info, this.#key);
        if (isOutsideRefusal(error) && read?.revision === current?.revision) throw error;
        current = read;
        isFresh = true;
        continue;
      }
      if (decision.action === 'keep' && decision.object !== undefined && isOutdated(target.info, current))
        decision = { action: 'put', object: decision.object };
      if (decision.action === 'keep') {
        if (isFresh) return { stored: current, previous: current, revision: current?.revision ?? 0 };
        const read = await readCurrent(server, target.info, this.#key);
        // Of the same state the same would come: whoever judged it need not be asked again.
        if (read?.revision === current?.revision)
          return { stored: current, previous: current, revision: current?.revision ?? 0 };
        current = read;
        isFresh = true;
        continue;
      }
      if (this.#context.dryRun) return rehearsed(this.#key, target.info, current, decision);
      const result = await this.#commit(current, decision);
      if (result.outcome === 'committed') {
        this.committed = result.stored;
        const last = lastState(this.#key, current, decision);
        return { stored: result.stored, previous: current, last, revision: result.revision };
      }
      isFresh = true;
      if (result.outcome !== 'conflict') {
        // What looked free may not have been: the next choice is made by who has heard why.
        if (strategyOf(target.info).reserve !== undefined) await server.reads.fresh();
        continue;
      }
      current = result.current;
      if (this.turn !== undefined) continue;
      this.turn = await server.turns.take(this.#key);
      // Others had their turns meanwhile.
      if (this.turn.latest !== undefined && this.turn.latest.revision > (current?.revision ?? 0)) {
        current = this.turn.latest;
        isFresh = false;
      }
    }
    throw new StatusError(conflict(target.info, target.name, 'too many other writers; try again'));
  }

  async #commit(
    current: StoredObject | undefined,
    decision: Exclude<Decision, { action: 'keep' }>,
  ): Promise<CommitResult> {
    const { extras } = decision;
    let committedAt: number | undefined;
    try {
      const result = await commit(this.#context, {
        key: this.#key,
        expected: current?.revision ?? 0,
        createRevision: current?.createRevision ?? 0,
        object: decision.action === 'put' ? decision.object : undefined,
        value: decision.action === 'put' ? decision.value : undefined,
        extras,
      });
      if (result.outcome === 'committed') committedAt = result.revision;
      return result;
    } finally {
      extras?.settled?.(committedAt === undefined ? {} : { committedAt });
    }
  }

  /** The newest state that is at hand: of the watch cache, or of the writer before this one. */
  #known(): StoredObject | undefined {
    const { server, target } = this.#context;
    const cached = server.cache.resource(target.info.storagePrefix ?? '').index.get(this.#key);
    const latest = this.turn?.latest;
    return latest !== undefined && latest.revision > (cached?.revision ?? 0) ? latest : cached;
  }
}

/** Whether an object is stored in another version than it would be now: who writes it as it is means to change that. */
function isOutdated({ custom }: ResourceInfo, current: StoredObject | undefined): boolean {
  return custom !== undefined && current?.object().apiVersion !== custom.storedApiVersion;
}

/** What an object was changed to that went with the change, under the version that it had. */
function lastState(
  key: string,
  current: StoredObject | undefined,
  decision: Decision,
): StoredObject | undefined {
  if (decision.action !== 'remove' || decision.last === undefined || current === undefined) return undefined;
  // It was never stored, and so is in the version that it was changed in.
  return fromStored(key, toStored(decision.last), current.revision, current.createRevision);
}

/** What a dry run answers: the state that would have been committed, under the old version. */
async function rehearsed(
  key: string,
  info: ResourceInfo,
  current: StoredObject | undefined,
  decision: Exclude<Decision, { action: 'keep' }>,
): Promise<MutationResult> {
  const revision = current?.revision ?? 0;
  if (decision.action !== 'put') {
    const last = lastState(key, current, decision);
    return { stored: undefined, previous: current, last, revision };
  }
  const stored = fromStored(key, await storedValue(info, decision.object), revision, revision);
  return { stored, previous: current, revision };
}
