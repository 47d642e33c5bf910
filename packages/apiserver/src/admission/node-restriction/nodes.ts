/**
 * What a node may say of itself: its status, and labels that steer nobody's workloads to it. Taints are its own at its
 * registration only.
 */
import type { Node } from '@timonier/api';
import { type AdmissionRequest, refusal } from '../request.ts';
import { alike } from './alike.ts';

/** As upstream's `kubeletapis.KubeletLabels`. */
const kubeletLabels: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
]);
const kubeletDomains = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
const restrictedDomains = ['node-restriction.kubernetes.io'];
const kubernetesDomains = ['kubernetes.io', 'k8s.io'];

export function checkNode(request: AdmissionRequest, own: string): void {
  const { operation, context, object, old } = request;
  const { target } = context;
  // Who deletes many at once names none of them.
  const name = target.verb === 'deletecollection' ? '' : target.name || (object?.metadata?.name ?? '');
  if (name !== own) throw refusal(request, `node "${own}" is not allowed to modify node "${name}"`);
  const after = object as Node | undefined;
  if (after === undefined) return;
  const before = operation === 'CREATE' ? undefined : (old as Node);
  const isNew = before === undefined;
  const { configSource } = after.spec ?? {};
  if (configSource !== undefined && !alike(configSource, before?.spec?.configSource))
    throw refusal(
      request,
      isNew
        ? `node "${own}" is not allowed to create pods with a non-nil configSource`
        : `node "${own}" is not allowed to update configSource to a new non-nil configSource`,
    );
  if (!isNew && !alike(after.spec?.taints, before.spec?.taints))
    throw refusal(request, `node "${own}" is not allowed to modify taints`);
  if (!isNew && !alike(after.metadata?.ownerReferences, before.metadata?.ownerReferences))
    throw refusal(request, `node "${own}" is not allowed to modify ownerReferences`);
  const forbidden = changedLabels(before?.metadata?.labels, after.metadata?.labels).filter(isForbidden);
  if (forbidden.length === 0) return;
  const labels = forbidden.toSorted().join(', ');
  throw refusal(
    request,
    isNew
      ? `node "${own}" is not allowed to set the following labels: ${labels}`
      : `is not allowed to modify labels: ${labels}`,
  );
}

type Labels = Readonly<Record<string, string>>;

/** Also those that are there with nothing in them, and are not there. */
export function changedLabels(before: Labels = {}, after: Labels = {}): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (key) => Object.hasOwn(before, key) !== Object.hasOwn(after, key) || before[key] !== after[key],
  );
}

function isForbidden(label: string): boolean {
  const slash = label.indexOf('/');
  const domain = slash < 0 ? '' : label.slice(0, slash);
  if (isWithin(domain, restrictedDomains)) return true;
  return (
    isWithin(domain, kubernetesDomains) && !kubeletLabels.has(label) && !isWithin(domain, kubeletDomains)
  );
}

function isWithin(domain: string, parents: readonly string[]): boolean {
  return parents.some((parent) => domain === parent || domain.endsWith(`.${parent}`));
}
