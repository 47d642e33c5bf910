/**
 * NodeRestriction: a node writes no more than its own. The authorizer has seen the names in the path; what stands in the
 * body, and in the object that is there already, is looked at here. Upstream's checks, in upstream's words.
 */
import type { CertificateSigningRequest, Pod, ResourceSlice } from '@timonier/api';
import { notFound, StatusError } from '@timonier/api/statuses';
import { requestedSubject } from '@timonier/pki';
import { nodeOf } from '../../authorization/node-authorizer.ts';
import { cachedObject } from '../cached.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from '../request.ts';
import { alike } from './alike.ts';
import { checkClaimStatus } from './claims.ts';
import { checkMirrorPod } from './mirror-pods.ts';
import { changedLabels, checkNode } from './nodes.ts';
import { checkTokenRequest } from './tokens.ts';

type Check = (request: AdmissionRequest, node: string) => void | Promise<void>;

const leaseNamespace = 'kube-node-lease';
/** Whose certificates make a node. */
const nodeSigners: ReadonlySet<string> = new Set([
  'kubernetes.io/kubelet-serving',
  'kubernetes.io/kube-apiserver-client-kubelet',
]);

const checks: Readonly<Record<string, Check>> = {
  '/pods': checkPod,
  '/pods/status': checkPodStatus,
  '/pods/eviction': checkEviction,
  '/pods/binding': refuseSubresource,
  '/pods/ephemeralcontainers': refuseSubresource,
  '/pods/resize': refuseSubresource,
  '/nodes': checkNode,
  '/nodes/status': checkNode,
  '/persistentvolumeclaims': (request) => {
    throw refusal(request, 'may only update PVC status');
  },
  '/persistentvolumeclaims/status': checkClaimStatus,
  '/serviceaccounts/token': checkTokenRequest,
  'coordination.k8s.io/leases': checkLease,
  'storage.k8s.io/csinodes': checkCsiNode,
  'resource.k8s.io/resourceslices': checkResourceSlice,
  'certificates.k8s.io/certificatesigningrequests': checkCertificateRequest,
};

export const nodeRestriction: AdmissionPlugin = {
  name: 'NodeRestriction',
  operations: ['CREATE', 'UPDATE', 'DELETE'],
  resources: Object.keys(checks),
  admit(request) {
    const { user, target } = request.context;
    const node = nodeOf(user);
    if (node === undefined) return undefined;
    if (node === '')
      throw refusal(request, `could not determine node from user ${JSON.stringify(user.name)}`);
    const { info, subresource } = target;
    return checks[`${info.group}/${info.resource}${subresource === '' ? '' : `/${subresource}`}`]?.(
      request,
      node,
    );
  },
};

function checkPod(request: AdmissionRequest, node: string): void {
  if (request.operation === 'CREATE') checkMirrorPod(request, node);
  else if (request.operation === 'DELETE') {
    if ((request.old as Pod).spec?.nodeName !== node)
      throw refusal(request, `node "${node}" can only delete pods with spec.nodeName set to itself`);
  } else
    throw refusal(
      request,
      `unexpected operation "${request.operation}", node "${node}" can only create and delete mirror pods`,
    );
}

function checkPodStatus(request: AdmissionRequest, node: string): void {
  if (request.operation !== 'UPDATE') throw refusal(request, `unexpected operation "${request.operation}"`);
  const [before, after] = [request.old as Pod, request.object as Pod];
  if (before.spec?.nodeName !== node)
    throw refusal(
      request,
      `node "${node}" can only update pod status for pods with spec.nodeName set to itself`,
    );
  if (changedLabels(before.metadata?.labels, after.metadata?.labels).length > 0)
    throw refusal(request, `node "${node}" cannot update labels through pod status`);
  if (!alike(before.status?.resourceClaimStatuses, after.status?.resourceClaimStatuses))
    throw refusal(request, `node "${node}" cannot update resource claim statues`);
  if (!alike(before.status?.extendedResourceClaimStatus, after.status?.extendedResourceClaimStatus))
    throw refusal(request, `node "${node}" cannot update extended resource claim status`);
}

function checkEviction(request: AdmissionRequest, node: string): void {
  const { server, target } = request.context;
  if (request.operation !== 'CREATE') throw refusal(request, `unexpected operation ${request.operation}`);
  const pod = cachedObject<Pod>(server, 'pods', target.namespace, target.name);
  // As listers upstream say it.
  if (pod === undefined) throw new StatusError(notFound({ group: '', resource: 'pod' }, target.name));
  if (pod.spec?.nodeName !== node)
    throw refusal(request, `node ${node} can only evict pods with spec.nodeName set to itself`);
}

function refuseSubresource(request: AdmissionRequest): never {
  throw refusal(
    request,
    `unexpected pod subresource "${request.context.target.subresource}", only 'status' and 'eviction' are allowed`,
  );
}

function checkLease(request: AdmissionRequest, node: string): void {
  if (request.context.target.namespace !== leaseNamespace)
    throw refusal(request, `can only access leases in the "${leaseNamespace}" system namespace`);
  if (ownNameOf(request) !== node)
    throw refusal(request, 'can only access node lease with the same name as the requesting node');
}

function checkCsiNode(request: AdmissionRequest, node: string): void {
  if (ownNameOf(request) !== node)
    throw refusal(request, 'can only access CSINode with the same name as the requesting node');
}

/** Of what is there already the authorizer knows whose it is; but not of all that are deleted at once. */
function checkResourceSlice(request: AdmissionRequest, node: string): void {
  if (request.operation === 'UPDATE') return;
  const isNew = request.operation === 'CREATE';
  const slice = (isNew ? request.object : request.old) as unknown as ResourceSlice;
  if (slice.spec?.nodeName === node) return;
  throw refusal(
    request,
    `can only ${isNew ? 'create' : 'delete'} ResourceSlice with the same NodeName as the requesting node`,
  );
}

function checkCertificateRequest(request: AdmissionRequest, node: string): void {
  if (request.operation !== 'CREATE') return;
  const { spec } = request.object as unknown as CertificateSigningRequest;
  if (!nodeSigners.has(spec?.signerName ?? '')) return;
  let commonName: string;
  try {
    ({ commonName } = requestedSubject(Buffer.from(spec?.request ?? '', 'base64').toString('latin1')));
  } catch (error) {
    throw refusal(request, `unable to parse csr: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (commonName !== `system:node:${node}`)
    throw refusal(request, `can only create a node CSR with CN=system:node:${node}`);
}

/** A creation's name stands in its body only. */
function ownNameOf({ operation, object, context }: AdmissionRequest): string {
  return operation === 'CREATE' ? (object?.metadata?.name ?? '') : context.target.name;
}
