/** Which requests for certificates are approved by themselves: those of kubelets, when whoever asks may have one. Pure. */
import type { CertificateSigningRequest } from '@timonier/api';
import { contentOf, hasCondition, isIssued, kubeletClientProblem, signers } from '../certificates/request.ts';

export interface Candidate {
  /** What who asks has to be allowed to create, as a subresource of the requests. */
  readonly permission: 'selfnodeclient' | 'nodeclient';
  readonly message: string;
}

/** The first one that who asks may have decides. Throws when the request cannot be read. */
export function candidatesOf(request: CertificateSigningRequest): readonly Candidate[] {
  if (isIssued(request) || hasCondition(request, 'Approved') || hasCondition(request, 'Denied')) return [];
  const { signerName, usages = [], username } = request.spec;
  if (signerName !== signers.kubeletClient) return [];
  const content = contentOf(request);
  if (kubeletClientProblem(content, usages) !== undefined) return [];
  const node: Candidate = {
    permission: 'nodeclient',
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
  };
  const self: Candidate = {
    permission: 'selfnodeclient',
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
  };
  return username === content.subject.commonName ? [self, node] : [node];
}

export function approved(request: CertificateSigningRequest, message: string): CertificateSigningRequest {
  const condition = { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
  const conditions = [...(request.status?.conditions ?? []), condition];
  return { ...request, status: { ...request.status, conditions } };
}
