/** What every client service needs of the member it speaks for. */
import type { ServerCall } from '@timonier/grpc';
import type { CallCredentials } from '../auth/credentials.ts';
import type { Tokens } from '../auth/tokens.ts';
import { type Credentials, nobody } from '../auth/types.ts';
import type { StoredRequest } from '../codecs.ts';
import type { Member } from '../member.ts';
import type { StoreMetrics } from '../metrics.ts';
import type { ResponseHeader } from '../types.ts';

export interface ServiceContext {
  readonly member: Member;
  readonly metrics: StoreMetrics;
  readonly credentials: CallCredentials;
  readonly tokens: Tokens;
  /** On bcrypt's scale. */
  readonly passwordCost: number;
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

/** Puts a request of a client through the log, in the client's name. `bytes` is about how long it is. */
export function proposeFor(
  context: ServiceContext,
  call: ServerCall,
  request: Omit<StoredRequest, 'id'>,
  bytes: number,
): Promise<object> {
  const who = context.credentials.of(call);
  // The usual case, without a turn of the event loop: nobody needs to say who.
  if (who === nobody) return context.member.propose(request, bytes);
  return proposeAs(context, who, request, bytes);
}

async function proposeAs(
  context: ServiceContext,
  who: Credentials | Promise<Credentials>,
  request: Omit<StoredRequest, 'id'>,
  bytes: number,
): Promise<object> {
  return await context.member.propose({ ...request, ...(await who) }, bytes);
}
