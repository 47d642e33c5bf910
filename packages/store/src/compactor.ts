/** etcd's automatic compaction: the leader forgets history beyond a number of revisions or an age. */
import { parseDuration, UsageError } from '@timonier/component';
import type { Member } from './member.ts';

/** Starts it; undefined when retention is 0. Throws `UsageError`. */
export function startCompactor(
  member: Member,
  mode: string,
  retention: string,
  onError: (error: unknown) => void,
): (() => void) | undefined {
  if (retention === '0' || retention === '') return undefined;
  const revisions = mode === 'revision';
  if (!revisions && mode !== 'periodic')
    throw new UsageError(`--auto-compaction-mode: "${mode}" is neither periodic nor revision`);
  // A bare number means hours, as in etcd.
  const amount = /^\d+$/.test(retention)
    ? Number(retention) * (revisions ? 1 : 3_600_000)
    : parseDuration(retention);
  const history: { at: number; revision: number }[] = [];
  const periodMs = revisions ? 300_000 : Math.min(3_600_000, Math.max(1_000, amount / 10));
  const timer = setInterval(() => {
    const { state } = member.machine;
    const now = performance.now();
    history.push({ at: now, revision: state.revision });
    let target = state.revision - amount;
    if (!revisions) {
      target = 0;
      while (history.length > 1 && (history[0]?.at ?? now) <= now - amount)
        target = history.shift()?.revision ?? 0;
    } else history.length = 0;
    if (member.host.role !== 'leader' || target <= state.compactRevision) return;
    member.propose({ compaction: { revision: target, physical: false } }, 32).catch(onError);
  }, periodMs);
  return () => clearInterval(timer);
}
