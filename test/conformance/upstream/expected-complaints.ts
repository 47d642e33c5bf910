/**
 * What upstream's programs are known to complain about on upstream's own API server, too, in the same script. All of these
 * were seen there but some of what a sentence removes under a controller's hands: that is a matter of who is quicker.
 * Everything else counts as a difference.
 */
import type { Complaint } from './complaints.ts';

const expected: readonly { readonly why: string; readonly pattern: RegExp }[] = [
  {
    why: 'two writers met, and the loser tries again',
    pattern: /the object has been modified; please apply your changes to the latest version/,
  },
  {
    why: 'a controller waits for its own writes to come back by its watch',
    pattern: /read version: <n> is not as new as written version: <n>/,
  },
  {
    why: 'a controller goes on with what is in a namespace while that is being deleted',
    pattern:
      /is forbidden: unable to create new content in namespace \S+ because it is being terminated|"Deletion of namespace failed" err="failed to delete pods for namespace: \S+, err: unexpected items still remain|err="pvc \S+ is being deleted"/,
  },
  {
    why: 'what happened once more in a namespace is told when that is gone',
    pattern: /"Server rejected event \(will not retry!\)" err="namespaces \\"[^"\\]+\\" not found"/,
  },
  {
    why: 'what a sentence removed is missed by who has not heard of that yet',
    pattern:
      /"Failed to taint NoSchedule on node, requeue it" err="failed to swap taints of node|(nodes?|persistentvolumes|storageclass\.storage\.k8s\.io|(deployments|replicasets)\.apps) \\?"[^"\\]+\\?" not found|PersistentVolume \\"pvc-<uid>\\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added/,
  },
  {
    why: 'the kind of a deleted definition is not served any more',
    pattern:
      /^reflector\.go:\d+ "Failed to watch" err="(failed to list \*v1\.PartialObjectMetadata: )?the server could not find the requested resource"/,
  },
  { why: 'a sentence is about a quota', pattern: /is forbidden: exceeded quota: all, requested: pods=1/ },
  {
    why: 'a sentence is about a budget that cannot be counted, and one whose kind is learned by and by',
    pattern:
      /"Failed to sync PDB" err="(no matches for kind |\S+ does not implement the scale subresource|the server could not find the requested resource)/,
  },
  { why: 'there are no metrics', pattern: /unable to fetch metrics from resource metrics API/ },
  { why: 'a pod that waits for a volume evicts nobody', pattern: /"Status after running PostFilter plugins/ },
  { why: 'of a flag that is not given', pattern: /The manifest file is empty, ignoring/ },
  {
    why: 'an orphan is of no ReplicaSet',
    pattern: /"Unhandled Error" err="ReplicaSet has no controller: /,
  },
  {
    why: 'the allocator gives a node that it sees late a second range, and takes it back',
    pattern: /failed to patch node CIDR: .*may specify no more than one CIDR for each IP family/,
  },
  {
    why: 'the API server was away while it was restarted',
    pattern: /dial tcp <address>: connect: connection refused|broadcaster already stopped/,
  },
];

export function withoutExpected(complaints: readonly Complaint[]): readonly Complaint[] {
  return complaints.filter(({ text }) => !expected.some(({ pattern }) => pattern.test(text)));
}
