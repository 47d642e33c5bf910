/**
 * Leadership handed over on purpose: bring the target up to date, refuse proposals meanwhile, then tell it to campaign
 * at once. Given up after electionTicks. Dissertation §3.10.
 *
 * The call to campaign overrides the loyalty that leases count on, and it may arrive late. So while a transfer is under
 * way no lease is proven; and one that is given up is counted, calls and the votes that follow from them carry the
 * count, and so does every later round. Whoever answered such a round neither obeys nor helps an earlier call; a lease
 * begins anew with the first round that a majority of them answered.
 */
import type { Core } from './core.ts';
import { isWitness } from './membership.ts';
import type { NodeId } from './types.ts';

/** Hands over to a full voter; ignored by who does not lead and for whom cannot lead. */
export function startTransfer(core: Core, target: NodeId): void {
  if (core.role !== 'leader' || core.transferee === target) return;
  if (core.progress.get(target)?.voter !== true || isWitness(core.configuration, target)) return;
  if (core.transferee !== null) giveUp(core);
  core.transferee = target;
  core.transferStart = core.ticks;
  sendTimeoutNowWhenReady(core);
}

/** Calls the target to campaign once it holds the whole log. */
export function sendTimeoutNowWhenReady(core: Core): void {
  if (core.transferee === null) return;
  const peer = core.progress.get(core.transferee);
  if (peer === undefined) giveUp(core);
  else if (peer.match === core.log.lastIndex) sendTimeoutNow(core, peer.id);
}

/** Calls a member to campaign at once, whatever it is loyal to. */
export function sendTimeoutNow(core: Core, to: NodeId): void {
  const { id: from, term, abandoned } = core;
  core.send({ type: 'timeout-now', from, to, term, abandoned, afterPersist: core.leaderMustWait });
}

/** From now on whoever was named is not to be believed any more. */
function giveUp(core: Core): void {
  core.transferee = null;
  core.abandoned += 1;
  core.unprovenRound = core.sentRound;
}

/** Whether a call to campaign, or a vote asked for because of one, is of a transfer that was not given up. */
export function transferStands(
  core: Core,
  message: { readonly abandoned: number; readonly term: number },
): boolean {
  if (core.has('late-transfer')) return true;
  // Somebody who does not know what it answered in an earlier life must not go back on it.
  return core.abandoned < 0 ? !core.abstains : message.abandoned >= core.abandoned;
}

/** One tick of a leader that hands over: calls again, or gives up after an election timeout. */
export function tickTransfer(core: Core): void {
  if (core.transferee === null) return;
  if (core.ticks - core.transferStart >= core.electionTicks) giveUp(core);
  else sendTimeoutNowWhenReady(core); // Again, in case it was lost.
}
