/**
 * The second round of plugins that change a request. What a webhook or a policy changed may be of interest to all that
 * ran before: the server's own plugins then run once more, as do those webhooks and policies that want to see later
 * changes (`IfNeeded`) and whose object was changed since. There are two rounds, never more.
 */
import type { ApiObject } from '@timonier/api/decode';
import { copyOf, sameTree } from '../storage/copy.ts';
import type { AdmissionPlugin, AdmissionRequest } from './request.ts';

interface Round {
  isSecond: boolean;
  isWanted: boolean;
  /** By plugin. */
  readonly first: Map<AdmissionPlugin, FirstRound>;
}

interface FirstRound {
  changes: number;
  /** Who wants to be asked again, and after how many changes each was asked. */
  readonly asked: Map<unknown, number>;
  output: ApiObject | undefined;
}

const rounds = new WeakMap<AdmissionRequest, Round>();

/** Runs plugins over a request, and again when one of them wants that. */
export async function inRounds(
  plugins: readonly AdmissionPlugin[],
  request: AdmissionRequest,
): Promise<void> {
  rounds.delete(request);
  await once(plugins, request);
  const round = rounds.get(request);
  if (round?.isWanted !== true) return;
  round.isSecond = true;
  await once(plugins, request);
}

async function once(plugins: readonly AdmissionPlugin[], request: AdmissionRequest): Promise<void> {
  for (const plugin of plugins) {
    const answer = plugin.admit?.(request);
    // Most have nothing to wait for.
    if (answer instanceof Promise) await answer;
  }
}

/** 0 or 1. */
export function roundOf(request: AdmissionRequest): number {
  return rounds.get(request)?.isSecond === true ? 1 : 0;
}

export interface Invocation {
  /** The same in both rounds. */
  readonly key: unknown;
  readonly reinvocationPolicy: string | undefined;
  /** Resolves false when it was not about the request. */
  readonly run: () => boolean | Promise<boolean>;
}

/** Runs a plugin's invocations in this round of a request. */
export async function invoke(
  plugin: AdmissionPlugin,
  invocations: Iterable<Invocation>,
  request: AdmissionRequest,
): Promise<void> {
  let round = rounds.get(request);
  // Few requests are anybody's business outside: those that are not have no rounds to be remembered.
  if (round === undefined)
    rounds.set(request, (round = { isSecond: false, isWanted: false, first: new Map() }));
  const known = round.first.get(plugin);
  const first: FirstRound = known ?? { changes: 0, asked: new Map(), output: undefined };
  round.first.set(plugin, first);
  const isChanged = round.isSecond && !sameTree(first.output, request.object);
  for (const { key, reinvocationPolicy, run } of invocations) {
    const at = first.asked.get(key);
    if (round.isSecond && (at === undefined || (!isChanged && at >= first.changes))) continue;
    const before = request.object;
    if (!(await run())) continue;
    if (!sameTree(before, request.object)) {
      first.changes++;
      round.isWanted = true;
    }
    if (!round.isSecond && reinvocationPolicy === 'IfNeeded') first.asked.set(key, first.changes);
  }
  // The server's own plugins change the object in place.
  if (!round.isSecond && first.asked.size > 0) first.output = copyOf(request.object);
}
