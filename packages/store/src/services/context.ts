/** What every client service needs of the member it speaks for. */
import type { Member } from '../member.ts';
import type { StoreMetrics } from '../metrics.ts';
import type { ResponseHeader } from '../types.ts';

export interface ServiceContext {
  readonly member: Member;
  readonly metrics: StoreMetrics;
  readonly maxRequestBytes: number;
  readonly maxTxnOps: number;
  readonly progressIntervalMs: number;
}

export function header({ member }: ServiceContext, revision = member.machine.state.revision): ResponseHeader {
  return {
    clusterId: member.clusterId,
    memberId: member.memberId,
    revision,
    raftTerm: member.host.term,
  };
}

/** Completes a result that only knows its revision. */
export function withHeader(context: ServiceContext, result: object): object {
  const { header: partial } = result as { header?: { revision: number } };
  return { ...result, header: header(context, partial?.revision) };
}
