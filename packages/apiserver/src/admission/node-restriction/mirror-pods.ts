/** The pods that a node may make: mirrors of its static pods, which need nothing of the API server. */
import type { Node, Pod } from '@timonier/api';
import { notFound, StatusError } from '@timonier/api/statuses';
import { apiReferenceOf, isMirrorPod } from '../../authorization/pod-references.ts';
import { cachedObject } from '../cached.ts';
import { type AdmissionRequest, refusal } from '../request.ts';

export function checkMirrorPod(request: AdmissionRequest, node: string): void {
  const pod = request.object as Pod;
  if (!isMirrorPod(pod))
    throw refusal(
      request,
      `pod does not have "kubernetes.io/config.mirror" annotation, node "${node}" can only create mirror pods`,
    );
  if (pod.spec?.nodeName !== node)
    throw refusal(request, `node "${node}" can only create pods with spec.nodeName set to itself`);
  checkOwner(request, node, pod);
  let resource: string | undefined;
  try {
    resource = apiReferenceOf(pod);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw refusal(request, `error checking mirror pod for API references: ${reason}`);
  }
  if (resource !== undefined)
    throw refusal(request, `node "${node}" can not create pods that reference ${resource}`);
}

/** The node itself, which is there, and nobody else. */
function checkOwner(request: AdmissionRequest, node: string, { metadata }: Pod): void {
  const [owner, ...others] = metadata?.ownerReferences ?? [];
  if (others.length > 0)
    throw refusal(request, `node "${node}" can only create pods with a single owner reference set to itself`);
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node)
    throw refusal(request, `node "${node}" can only create pods with an owner reference set to itself`);
  if (owner.controller !== true)
    throw refusal(
      request,
      `node "${node}" can only create pods with a controller owner reference set to itself`,
    );
  if (owner.blockOwnerDeletion === true)
    throw refusal(request, `node "${node}" must not set blockOwnerDeletion on an owner reference`);
  const found = cachedObject<Node>(request.context.server, 'minions', '', node);
  // As listers upstream say it.
  if (found === undefined) throw new StatusError(notFound({ group: '', resource: 'node' }, node));
  if (owner.uid !== found.metadata?.uid)
    throw refusal(
      request,
      `node ${node} UID mismatch: expected ${owner.uid} got ${found.metadata?.uid ?? ''}`,
    );
}
