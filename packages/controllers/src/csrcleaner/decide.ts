/** How long requests for certificates are kept. Pure. */
import type { CertificateSigningRequest } from '@timonier/api';
import { isIssued } from '../certificates/request.ts';

const hourMs = 3_600_000;
const keptMs = { decided: hourMs, pending: 24 * hourMs } as const;

/**
 * Milliseconds until a request is removed: an hour after it was decided and, if approved, issued; a day when nobody says
 * anything; at once when its certificate is over. Undefined while it waits for its certificate.
 */
export function removedInMs(
  request: CertificateSigningRequest,
  certificateEnds: number | undefined,
  now: number,
): number | undefined {
  const { metadata, status } = request;
  const conditions = status?.conditions ?? [];
  const isOver = (type: string): boolean =>
    type === 'Denied' || type === 'Failed' || (type === 'Approved' && isIssued(request));
  const times = conditions
    .filter(({ type }) => isOver(type))
    .map(({ lastUpdateTime }) => Date.parse(lastUpdateTime ?? '') + keptMs.decided);
  if (conditions.length === 0) times.push(Date.parse(metadata?.creationTimestamp ?? '') + keptMs.pending);
  if (conditions.some(({ type }) => type === 'Approved') && certificateEnds !== undefined)
    times.push(certificateEnds);
  const known = times.filter((time) => !Number.isNaN(time));
  return known.length === 0 ? undefined : Math.max(0, Math.min(...known) - now);
}
