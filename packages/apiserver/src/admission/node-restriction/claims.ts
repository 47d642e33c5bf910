/** A node tells of a claim how large its volume is now, and how far its growth is; nothing else of it is the node's. */
import type { PersistentVolumeClaim } from '@timonier/api';
import { type AdmissionRequest, refusal } from '../request.ts';
import { alike, differences } from './alike.ts';
import { changedLabels } from './nodes.ts';

export function checkClaimStatus(request: AdmissionRequest, node: string): void {
  if (request.operation !== 'UPDATE') throw refusal(request, `unexpected operation "${request.operation}"`);
  const before = withoutOwn(request.old as unknown as PersistentVolumeClaim);
  const after = withoutOwn(request.object as unknown as PersistentVolumeClaim);
  const [was, is] = [request.old?.metadata, request.object?.metadata];
  const isMarked =
    changedLabels(was?.labels, is?.labels).length > 0 ||
    changedLabels(was?.annotations, is?.annotations).length > 0;
  if (isMarked || !alike(before, after))
    throw refusal(
      request,
      `node "${node}" is not allowed to update fields other than status.quantity and status.conditions: ${differences(before, after).join(', ')}`,
    );
}

/** A label through the status is none of these, nor a finalizer or an owner. */
function withoutOwn(claim: PersistentVolumeClaim): object {
  const { resourceVersion: _version, managedFields: _managers, ...metadata } = claim.metadata ?? {};
  const {
    capacity: _capacity,
    conditions: _conditions,
    allocatedResources: _allocated,
    allocatedResourceStatuses: _statuses,
    ...status
  } = claim.status ?? {};
  return { ...claim, metadata, status };
}
