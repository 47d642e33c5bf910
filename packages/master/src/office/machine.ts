/**
 * The office as a state machine, pure: leadership, answers of the store and the clock come in; what to ask of the
 * store and what to publish goes out.
 *
 * follower → reading → taking → active → demoting → follower. A won election is not enough: the office is read, taken by
 * one transaction that replaces exactly what was read by the next epoch (which is the barrier, too: everything committed
 * before is applied here when it is answered), and only then published. It is held as long as leadership of the very same
 * term is proven by the clock; after any doubt a new epoch is taken.
 *
 * Invariant: `active` is published only with a lease that the source of leadership has proven, and never longer.
 */

export interface Leadership {
  readonly leads: boolean;
  /** Grows with every election; tells one leadership of ours from the next. */
  readonly term: number;
  /** Name of the leader; empty while none is known. */
  readonly leader: string;
  /** CLOCK_BOOTTIME in milliseconds until which our leadership is proven; 0 when we do not lead. */
  readonly leaseUntil: number;
}

export type OfficeMachineState =
  | { readonly name: 'follower' }
  | { readonly name: 'reading'; readonly term: number }
  | { readonly name: 'taking'; readonly term: number; readonly epoch: number }
  | { readonly name: 'active'; readonly term: number; readonly epoch: number; readonly revision: number }
  | { readonly name: 'demoting'; readonly why: string };

export type OfficeEvent =
  | { readonly type: 'leadership'; readonly leadership: Leadership }
  /** The office as read during `term`, newest or not; null when nobody ever held it. */
  | { readonly type: 'read'; readonly term: number; readonly token: string | null }
  | { readonly type: 'taken'; readonly term: number; readonly revision: number }
  /** Reading or taking failed, or somebody else took it in between. */
  | { readonly type: 'refused'; readonly term: number; readonly why: string }
  | { readonly type: 'tick' }
  /** Give the office up although nobody took it: shutdown, or an API server that cannot serve. */
  | { readonly type: 'resign'; readonly why: string }
  /** Everybody on this host has been told. */
  | { readonly type: 'demoted' };

export type OfficeEffect =
  | { readonly type: 'read'; readonly term: number }
  | { readonly type: 'take'; readonly term: number; readonly expected: string | null; readonly token: string }
  /** Publish the state as it is now. */
  | { readonly type: 'publish' }
  /** Publish passive at once, then report `demoted`. */
  | { readonly type: 'demote'; readonly why: string };

export interface OfficeMachine {
  readonly state: OfficeMachineState;
  readonly leadership: Leadership;
  /** No attempt before this time: after a refusal or a resignation. */
  readonly notBefore: number;
}

export const noLeadership: Leadership = { leads: false, term: 0, leader: '', leaseUntil: 0 };
export const newOfficeMachine: OfficeMachine = {
  state: { name: 'follower' },
  leadership: noLeadership,
  notBefore: 0,
};

const retryMs = 20;
const resignedMs = 2_000;
const maxEpoch = Number.MAX_SAFE_INTEGER - 1;

interface Context {
  readonly self: string;
  readonly now: number;
}

type Step = readonly [OfficeMachine, readonly OfficeEffect[]];
type Handler<S extends OfficeMachineState> = (
  machine: OfficeMachine,
  state: S,
  event: OfficeEvent,
  context: Context,
) => Step;

const handlers: {
  readonly [N in OfficeMachineState['name']]: Handler<Extract<OfficeMachineState, { name: N }>>;
} = {
  follower: (machine, _state, event, context) =>
    event.type === 'leadership' || event.type === 'tick' ? campaign(machine, context) : stay(machine),

  reading: (machine, state, event, context) => {
    if (!proven(machine, state.term, context)) return follow(machine, context, 0);
    if (event.type === 'resign') return follow(machine, context, resignedMs);
    if (event.type === 'refused' && event.term === state.term) return follow(machine, context, retryMs);
    if (event.type !== 'read' || event.term !== state.term) return stay(machine);
    const epoch = (event.token === null ? 0 : epochOf(event.token)) + 1;
    if (!Number.isSafeInteger(epoch) || epoch > maxEpoch) return follow(machine, context, resignedMs);
    const token = `${epoch}@${context.self}`;
    return [
      { ...machine, state: { name: 'taking', term: state.term, epoch } },
      [{ type: 'take', term: state.term, expected: event.token, token }],
    ];
  },

  taking: (machine, state, event, context) => {
    if (!proven(machine, state.term, context)) return follow(machine, context, 0);
    if (event.type === 'resign') return follow(machine, context, resignedMs);
    if (event.type === 'refused' && event.term === state.term) return follow(machine, context, retryMs);
    if (event.type !== 'taken' || event.term !== state.term) return stay(machine);
    const { term, epoch } = state;
    return [
      { ...machine, state: { name: 'active', term, epoch, revision: event.revision } },
      [{ type: 'publish' }],
    ];
  },

  active: (machine, state, event, context) => {
    if (event.type === 'resign') {
      return demote({ ...machine, notBefore: context.now + resignedMs }, event.why);
    }
    if (!proven(machine, state.term, context)) {
      const { leadership } = machine;
      const why = !leadership.leads
        ? `${leadership.leader === '' ? 'nobody' : leadership.leader} leads now`
        : leadership.term === state.term
          ? 'the lease ran out unproven'
          : 'leadership was lost and won again';
      return demote(machine, why);
    }
    return event.type === 'leadership' ? [machine, [{ type: 'publish' }]] : stay(machine);
  },

  demoting: (machine, _state, event, context) => {
    if (event.type !== 'demoted') return stay(machine);
    return campaign({ ...machine, state: { name: 'follower' } }, context);
  },
};

/** One step. `context.now` is CLOCK_BOOTTIME in milliseconds. */
export function stepOffice(machine: OfficeMachine, event: OfficeEvent, context: Context): Step {
  const known = event.type === 'leadership' ? { ...machine, leadership: event.leadership } : machine;
  const handler = handlers[known.state.name] as Handler<OfficeMachineState>;
  const [next, effects] = handler(known, known.state, event, context);
  // Who leads is worth telling even when our own state stays.
  const leaderChanged = known.leadership.leader !== machine.leadership.leader;
  const told = effects.some((effect) => effect.type === 'publish' || effect.type === 'demote');
  return leaderChanged && !told ? [next, [...effects, { type: 'publish' }]] : [next, effects];
}

/** The epoch of a token `EPOCH@HOLDER`. NaN when it is none. */
export function epochOf(token: string): number {
  const match = /^([1-9]\d{0,15})@(.+)$/.exec(token);
  return match === null ? Number.NaN : Number(match[1]);
}

function proven(machine: OfficeMachine, term: number, { now }: Context): boolean {
  const { leadership } = machine;
  return leadership.leads && leadership.term === term && now < leadership.leaseUntil;
}

function campaign(machine: OfficeMachine, context: Context): Step {
  const { leadership } = machine;
  if (!proven(machine, leadership.term, context) || context.now < machine.notBefore) return stay(machine);
  const { term } = leadership;
  return [{ ...machine, state: { name: 'reading', term } }, [{ type: 'read', term }]];
}

function follow(machine: OfficeMachine, context: Context, pauseMs: number): Step {
  return [{ ...machine, state: { name: 'follower' }, notBefore: context.now + pauseMs }, []];
}

function demote(machine: OfficeMachine, why: string): Step {
  return [{ ...machine, state: { name: 'demoting', why } }, [{ type: 'demote', why }]];
}

function stay(machine: OfficeMachine): Step {
  return [machine, []];
}
