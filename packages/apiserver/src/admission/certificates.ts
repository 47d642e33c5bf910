/**
 * CertificateApproval, CertificateSigning and CertificateSubjectRestriction: who may approve and sign requests is said
 * for each signer, beside the right to write the request's subresources; and nobody becomes an administrator by the
 * signer of clients.
 */
import type { CertificateSigningRequest } from '@timonier/api';
import { requestedSubject } from '@timonier/pki';
import { sameTree } from '../storage/copy.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './request.ts';

const clientSigner = 'kubernetes.io/kube-apiserver-client';
const administrators = 'system:masters';
const requests = 'certificates.k8s.io/certificatesigningrequests';

export const certificateApproval: AdmissionPlugin = {
  name: 'CertificateApproval',
  operations: ['UPDATE'],
  resources: [`${requests}/approval`],
  async validate(request) {
    const signer = requestOf(request.old).spec?.signerName ?? '';
    if (!(await mayDo('approve', signer, request)))
      throw refusal(
        request,
        `user not permitted to approve requests with signerName ${JSON.stringify(signer)}`,
      );
  },
};

export const certificateSigning: AdmissionPlugin = {
  name: 'CertificateSigning',
  operations: ['UPDATE'],
  resources: [`${requests}/status`],
  async validate(request) {
    const [before, after] = [requestOf(request.old), requestOf(request.object)];
    // Notes of others beside the certificate and its failure are not the signer's business.
    const failures = ({ status }: CertificateSigningRequest): unknown =>
      (status?.conditions ?? []).filter(({ type }) => type === 'Failed');
    const isSame =
      after.status?.certificate === before.status?.certificate && sameTree(failures(after), failures(before));
    const signer = before.spec?.signerName ?? '';
    if (!isSame && !(await mayDo('sign', signer, request)))
      throw refusal(request, `user not permitted to sign requests with signerName ${JSON.stringify(signer)}`);
  },
};

export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  operations: ['CREATE'],
  resources: [requests],
  validate(request) {
    const { spec } = requestOf(request.object);
    if (spec?.signerName !== clientSigner) return;
    let groups: readonly string[];
    try {
      groups = requestedSubject(Buffer.from(spec.request, 'base64').toString('latin1')).organizations;
    } catch (error) {
      throw refusal(
        request,
        `failed to parse CSR: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    if (groups.includes(administrators))
      throw refusal(request, `use of ${clientSigner} signer with ${administrators} group is not allowed`);
  },
};

function requestOf(object: AdmissionRequest['object']): CertificateSigningRequest {
  return (object ?? {}) as unknown as CertificateSigningRequest;
}

/** Allowed for a signer by its name, or for all of its domain as `DOMAIN/*`. */
async function mayDo(
  verb: 'approve' | 'sign',
  signer: string,
  { context }: AdmissionRequest,
): Promise<boolean> {
  const { server, user } = context;
  const domain = signer.split('/')[0] ?? '';
  for (const name of [signer, `${domain}/*`]) {
    const asked = {
      path: '',
      verb,
      group: 'certificates.k8s.io',
      resource: 'signers',
      subresource: '',
      namespace: '',
      name,
    };
    if (await server.authorizer.allows(user, asked)) return true;
  }
  return false;
}
