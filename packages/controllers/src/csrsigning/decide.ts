/** Which approved requests are signed, and for how long; or why one never will be. Pure. */
import type { CertificateSigningRequest } from '@timonier/api';
import {
  clientProblem,
  contentOf,
  hasCondition,
  isIssued,
  kubeletClientProblem,
  kubeletServingProblem,
  signers,
} from '../certificates/request.ts';

const minuteMs = 60_000;
/** Clocks differ: a certificate begins so much earlier. */
const backdateMs = 5 * minuteMs;
/** Of a shorter one that is not taken off its end. */
const shortMs = 8 * 60 * minuteMs;
const leastMs = 10 * minuteMs;

export type SigningDecision =
  | { readonly type: 'nothing' }
  | { readonly type: 'fail'; readonly message: string }
  | {
      readonly type: 'sign';
      readonly pem: string;
      readonly usages: readonly string[];
      readonly notBefore: number;
      readonly notAfter: number;
    };

export interface SigningState {
  readonly request: CertificateSigningRequest;
  readonly now: number;
  /** What a certificate lives that asks for nothing else, and at most. */
  readonly durationMs: number;
  /** When the authority's own certificate ends. */
  readonly authorityEnds: number;
}

/** Throws when the request cannot be read. */
export function decide({ request, now, durationMs, authorityEnds }: SigningState): SigningDecision {
  const { signerName, usages = [], expirationSeconds } = request.spec;
  const isReady = hasCondition(request, 'Approved') && !hasCondition(request, 'Denied');
  if (!isReady || isIssued(request) || hasCondition(request, 'Failed')) return { type: 'nothing' };
  const content = contentOf(request);
  const problems: Readonly<Record<string, () => string | undefined>> = {
    [signers.client]: () => clientProblem(usages),
    [signers.kubeletClient]: () => kubeletClientProblem(content, usages),
    [signers.kubeletServing]: () => kubeletServingProblem(content, usages),
    [signers.legacy]: () => undefined,
  };
  const problemOf = Object.hasOwn(problems, signerName) ? problems[signerName] : undefined;
  if (problemOf === undefined) return { type: 'nothing' };
  const problem = problemOf();
  if (problem !== undefined) return { type: 'fail', message: problem };
  const asked = expirationSeconds === undefined ? durationMs : Math.max(leastMs, expirationSeconds * 1_000);
  const lives = Math.min(asked, durationMs);
  const ends = now + lives - (lives < shortMs ? 0 : backdateMs);
  return {
    type: 'sign',
    pem: content.pem,
    usages,
    notBefore: now - backdateMs,
    notAfter: Math.min(ends, authorityEnds),
  };
}
