/**
 * Leadership handed over on purpose: bring the target up to date, refuse proposals meanwhile, then tell it to campaign
 * at once. Given up after electionTicks. Dissertation §3.10.
 */
import type { Core } from './core.ts';
import type { NodeId } from './types.ts';

export function startTransfer(core: Core, target: NodeId): void {
  if (core.role !== 'leader' || core.transferee === target) return;
  if (core.progress.get(target)?.voter !== true) return;
  core.transferee = target;
  core.transferStart = core.ticks;
  sendTimeoutNowWhenReady(core);
}

export function sendTimeoutNowWhenReady(core: Core): void {
  if (core.transferee === null) return;
  const peer = core.progress.get(core.transferee);
  if (peer === undefined) core.transferee = null;
  else if (peer.match === core.log.lastIndex) sendTimeoutNow(core, peer.id);
}

export function sendTimeoutNow(core: Core, to: NodeId): void {
  core.send({ type: 'timeout-now', from: core.id, to, term: core.term, afterPersist: core.leaderMustWait });
}

export function tickTransfer(core: Core): void {
  if (core.transferee === null) return;
  if (core.ticks - core.transferStart >= core.electionTicks) core.transferee = null;
  else sendTimeoutNowWhenReady(core); // Again, in case it was lost.
}
