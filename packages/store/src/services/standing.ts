/**
 * What a member may serve while it is no full voter: etcd's rule for learners, whose state may be arbitrarily old, and
 * ours for witnesses, which have none.
 */
import { etcdError } from '../errors.ts';
import { noBugs } from '../known-bugs.ts';
import type { Member } from '../member.ts';

/** What the first message of a call may say that makes it harmless. */
interface Request {
  readonly serializable?: boolean;
}

/**
 * The handlers of one service behind that rule. `always` names methods that every member answers; a read that asks
 * for no more than local data is answered by learners.
 */
export function behindStanding<H extends object>(
  { member }: { readonly member: Pick<Member, 'isWitness' | 'isLearner'> },
  handlers: H,
  always: readonly (keyof H)[] = [],
  bugs = noBugs,
): H {
  const guarded: Partial<Record<keyof H, unknown>> = {};
  for (const method of Object.keys(handlers) as (keyof H)[]) {
    const handler = handlers[method];
    guarded[method] =
      typeof handler !== 'function' || always.includes(method)
        ? handler
        : (request: Request, call: unknown): unknown => {
            if (member.isWitness && !bugs.has('witness-serves')) throw etcdError.witness();
            if (member.isLearner && request.serializable !== true) throw etcdError.notForLearner();
            return (handler as (request: Request, call: unknown) => unknown)(request, call);
          };
  }
  // Every method is there again, with the signature it had.
  return guarded as H;
}
