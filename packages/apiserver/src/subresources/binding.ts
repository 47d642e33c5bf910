/** binding: the scheduler's word on which node runs a pod. Said once; a second binding is a conflict. */
import { storageKey } from '@timonier/api';
import type { Binding, Pod } from '@timonier/api';
import { aggregated, conflict, notFound, StatusError, success } from '@timonier/api/statuses';
import { admitOwn, ownKinds } from '../admission/own-object.ts';
import { labelsFromNode, podTopologyLabels } from '../admission/pod-topology.ts';
import { decodeOwnBody } from '../pipeline/decode.ts';
import { mutate } from '../pipeline/mutate.ts';
import { timestamp } from '../timestamp.ts';
import { failedPrecondition } from '../pipeline/preconditions.ts';
import { bad } from '../pipeline/query.ts';
import { respondTree } from '../pipeline/respond.ts';
import type { RequestContext } from '../request-context.ts';
import { withCondition } from './pod-conditions.ts';

/** As conflicts name what they are about. */
const bindings = { group: '', resource: 'pods/binding' };

/** POST of `pods/NAME/binding`, or of `bindings`, where the pod's name is the binding's. */
export async function bind(context: RequestContext): Promise<void> {
  const { exchange, server, target } = context;
  const sent = (await decodeOwnBody(exchange, ownKinds.binding)) as unknown as Binding;
  const pods = server.registry.lookup('', 'v1', 'pods');
  if (pods === undefined) throw new Error('pods are not served');
  const name = target.name || (sent.metadata?.name ?? '');
  if (name === '') throw bad('name: Required value');
  checkName(sent, name);
  const onPod = { ...context, target: { ...target, info: pods, name, subresource: 'binding' } };
  const binding = await admitOwn(
    target.subresource === '' ? context : onPod,
    ownKinds.binding,
    { ...sent, metadata: { ...sent.metadata, name, namespace: target.namespace } },
    {
      check: (object) => {
        checkName(object, name);
        checkTarget(object);
      },
    },
  );
  const node = binding.target.name ?? '';
  const key = storageKey(pods, target.namespace, name, server.root);
  await mutate(onPod, key, (stored) => {
    if (stored === undefined) throw new StatusError(notFound(pods, name));
    const current = stored.object();
    const pod = current as unknown as Pod;
    checkIsMeant(binding, pod, onPod);
    const why = whyNotBound(pod, name);
    if (why !== undefined) throw new StatusError(conflict(bindings, name, why));
    const ofNode = server.admission.isOn(podTopologyLabels.name) ? labelsFromNode(server, node) : {};
    const added = { ...binding.metadata?.labels, ...ofNode };
    const labels = { ...pod.metadata?.labels, ...added };
    const annotations = { ...pod.metadata?.annotations, ...binding.metadata?.annotations };
    const conditions = withCondition(
      pod.status?.conditions ?? [],
      { type: 'PodScheduled', status: 'True' },
      timestamp(server.now()),
    );
    const object = {
      ...current,
      metadata: {
        ...current.metadata,
        ...(Object.keys(labels).length === 0 ? {} : { labels }),
        ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      },
      spec: { ...pod.spec, nodeName: node },
      // Where it was to go is known now.
      status: { ...withoutNomination(pod.status), conditions },
    };
    // As upstream, whoever binds a pod owns nothing of it.
    return { action: 'put', object };
  });
  await respondTree(exchange, 201, { ...success(), code: 201 });
}

/** Throws 409 when the binding is of another pod of this name, or of another version than there is. */
function checkIsMeant(binding: Binding, pod: Pod, onPod: RequestContext): void {
  const { uid = '', resourceVersion = '' } = binding.metadata ?? {};
  const found = pod.metadata ?? {};
  const { name } = onPod.target;
  if (uid !== '' && uid !== found.uid) throw failedPrecondition(onPod, name, 'UID', uid, found.uid ?? '');
  if (resourceVersion !== '' && resourceVersion !== found.resourceVersion)
    throw failedPrecondition(onPod, name, 'ResourceVersion', resourceVersion, found.resourceVersion ?? '');
}

function whyNotBound({ metadata, spec }: Pod, name: string): string | undefined {
  if (metadata?.deletionTimestamp !== undefined)
    return `pod ${name} is being deleted, cannot be assigned to a host`;
  if ((spec?.nodeName ?? '') !== '') return `pod ${name} is already assigned to node "${spec?.nodeName}"`;
  if ((spec?.schedulingGates ?? []).length > 0) return `pod ${name} has non-empty .spec.schedulingGates`;
  return undefined;
}

function withoutNomination(status: Pod['status']): Pod['status'] {
  const { nominatedNodeName: _none, ...rest } = status ?? {};
  return rest;
}

function checkName({ metadata }: Binding, name: string): void {
  if ((metadata?.name ?? '') !== name) throw bad('name in URL does not match name in Binding object');
}

function checkTarget({ target }: Binding): void {
  const { kind = '', name = '' } = target ?? {};
  const problems = [
    ...(kind === '' || kind === 'Node'
      ? []
      : [`target.kind: Unsupported value: ${JSON.stringify(kind)}: supported values: "Node", "<empty>"`]),
    ...(name === '' ? ['target.name: Required value'] : []),
  ];
  // Upstream has no code of its own for this, and so says 500; but it is who asks that is wrong.
  if (problems.length > 0) throw bad(aggregated(problems));
}
