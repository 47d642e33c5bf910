/**
 * Who may ask a kubelet what: a client certificate signed by the cluster's authority is needed for everything but
 * health; commands, logs and pods only for administrators and the API server, metrics for every member.
 */
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

export interface Caller {
  readonly user: string;
  readonly groups: readonly string[];
}

export type Need = 'nothing' | 'metrics' | 'everything';

/** Undefined when the caller showed no certificate that the cluster's authority signed. */
export function callerOf(request: IncomingMessage): Caller | undefined {
  const { socket } = request;
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const subject = socket.getPeerCertificate().subject as unknown as
    | Record<string, string | string[] | undefined>
    | undefined;
  const user = subject?.['CN'];
  const groups = subject?.['O'];
  if (typeof user !== 'string') return undefined;
  return { user, groups: groups === undefined ? [] : Array.isArray(groups) ? groups : [groups] };
}

export function needOf(path: string): Need {
  if (path === '/healthz' || path.startsWith('/healthz/')) return 'nothing';
  return path === '/metrics' || path.startsWith('/metrics/') ? 'metrics' : 'everything';
}

/** The HTTP status to refuse with; undefined when the caller may go on. */
export function refusal(need: Need, caller: Caller | undefined): 401 | 403 | undefined {
  if (need === 'nothing') return undefined;
  if (caller === undefined) return 401;
  if (need === 'metrics' || caller.groups.includes('system:masters')) return undefined;
  return 403;
}
