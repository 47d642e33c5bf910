/** timonier.store.v1.Leadership: what a master's supervisor follows, on the private socket only. */
import { GrpcError, type Handlers, Status } from '@timonier/grpc';
import type { ServiceContext } from './context.ts';

interface LeadershipState {
  readonly member: string;
  readonly role: number;
  readonly term: number;
  readonly leader: string;
  readonly leaseUntil: number;
  readonly appliedRevision: number;
}

export type LeadershipShape = {
  observe: { request: object; response: LeadershipState; kind: 'server-stream' };
  transfer: { request: { to: string }; response: { to: string } };
};

const roleNumber = { follower: 0, 'pre-candidate': 1, candidate: 1, leader: 2 } as const;
const learner = 3;
/** Renewals and revisions are told at most this often; changes of role at once. */
const everyMs = 50;

export function leadershipHandlers({ member }: ServiceContext): Handlers<LeadershipShape> {
  const now = (): LeadershipState => {
    const { role, term, leader, leaseUntil } = member.leadership;
    return {
      member: member.memberName(member.id),
      role: member.machine.configuration.learners.includes(member.id) ? learner : roleNumber[role],
      term,
      leader: member.memberName(leader),
      leaseUntil,
      appliedRevision: member.machine.state.revision,
    };
  };
  return {
    observe: (_request, call) =>
      new Promise((resolve) => {
        let last: LeadershipState | undefined;
        let sentAt = 0;
        let timer: NodeJS.Timeout | undefined;
        let full = false;
        const send = (): void => {
          clearTimeout(timer);
          timer = undefined;
          const state = now();
          if (last !== undefined && JSON.stringify(state) === JSON.stringify(last)) return;
          last = state;
          sentAt = performance.now();
          if (call.write(state)) return;
          // A reader that is behind needs the newest state only.
          full = true;
          void call.drained().then(() => {
            full = false;
            changed();
          });
        };
        const changed = (): void => {
          if (full || call.signal.aborted) return;
          const { role, term, leader, leaseUntil } = member.leadership;
          const urgent =
            last === undefined ||
            roleNumber[role] !== last.role ||
            term !== last.term ||
            member.memberName(leader) !== last.leader ||
            (leaseUntil === 0) !== (last.leaseUntil === 0);
          const waitMs = sentAt + everyMs - performance.now();
          if (urgent || waitMs <= 0) send();
          else timer ??= setTimeout(send, waitMs);
        };
        const stop = member.onChange(changed);
        call.signal.addEventListener('abort', () => {
          stop();
          clearTimeout(timer);
          resolve();
        });
        send();
      }),
    transfer: async ({ to }) => {
      const target = to === '' ? undefined : member.members.find(({ name }) => name === to)?.id;
      if (to !== '' && target === undefined)
        throw new GrpcError(Status.NOT_FOUND, `no member is named "${to}"`);
      return { to: member.memberName(await member.transfer(target)) };
    },
  };
}
