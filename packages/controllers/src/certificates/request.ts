/** What controllers ask about a CertificateSigningRequest. Pure. */
import type { CertificateSigningRequest } from '@timonier/api';
import { type RequestedNames, requestedNames, requestedSubject, type Subject } from '@timonier/pki';

export const signers = {
  client: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
  legacy: 'kubernetes.io/legacy-unknown',
} as const;

export interface RequestContent {
  readonly pem: string;
  readonly subject: Subject;
  readonly names: RequestedNames;
}

/** Throws when it holds no request that can be read. */
export function contentOf({ spec }: CertificateSigningRequest): RequestContent {
  const pem = Buffer.from(spec.request, 'base64').toString('latin1');
  return { pem, subject: requestedSubject(pem), names: requestedNames(pem) };
}

export function hasCondition(
  { status }: CertificateSigningRequest,
  wanted: 'Approved' | 'Denied' | 'Failed',
): boolean {
  return status?.conditions?.some(({ type }) => type === wanted) ?? false;
}

export function isIssued({ status }: CertificateSigningRequest): boolean {
  return (status?.certificate ?? '') !== '';
}

/** Why a request is not one for the client certificate of a kubelet. */
export function kubeletClientProblem(
  { subject, names }: RequestContent,
  usages: readonly string[],
): string | undefined {
  const problem = organizationProblem(subject);
  if (problem !== undefined) return problem;
  if (names.dns.length > 0) return 'DNS subjectAltNames are not allowed';
  if (names.emails.length > 0) return 'Email subjectAltNames are not allowed';
  if (names.ips.length > 0) return 'IP subjectAltNames are not allowed';
  if (names.uris.length > 0) return 'URI subjectAltNames are not allowed';
  return commonNameProblem(subject) ?? usageProblem(usages, 'client auth');
}

/** Why a request is not one for the serving certificate of a kubelet. */
export function kubeletServingProblem(
  { subject, names }: RequestContent,
  usages: readonly string[],
): string | undefined {
  const problem = organizationProblem(subject);
  if (problem !== undefined) return problem;
  if (names.dns.length === 0 && names.ips.length === 0) return 'DNS or IP subjectAltName is required';
  if (names.emails.length > 0) return 'Email subjectAltNames are not allowed';
  if (names.uris.length > 0) return 'URI subjectAltNames are not allowed';
  return usageProblem(usages, 'server auth') ?? commonNameProblem(subject);
}

/** Why a request is not one for a client of the API. */
export function clientProblem(usages: readonly string[]): string | undefined {
  const allowed = ['digital signature', 'key encipherment', 'client auth'];
  const wrong = usages.find((usage) => !allowed.includes(usage));
  if (wrong !== undefined) return `invalid usage for client certificate: ${wrong}`;
  return usages.includes('client auth')
    ? undefined
    : 'missing required usage for client certificate: client auth';
}

function organizationProblem({ organizations }: Subject): string | undefined {
  return organizations.length === 1 && organizations[0] === 'system:nodes'
    ? undefined
    : 'subject organization is not system:nodes';
}

function commonNameProblem({ commonName }: Subject): string | undefined {
  return commonName.startsWith('system:node:')
    ? undefined
    : 'subject common name does not begin with system:node:';
}

/** Key encipherment is for RSA keys, and may be there for others. */
function usageProblem(usages: readonly string[], purpose: 'client auth' | 'server auth'): string | undefined {
  const required = ['digital signature', 'key encipherment', purpose].toSorted();
  const given = [...new Set(['key encipherment', ...usages])].toSorted();
  const isSame = given.length === required.length && given.every((usage, i) => usage === required[i]);
  return isSame ? undefined : `usages did not match [${required.join(' ')}]`;
}
