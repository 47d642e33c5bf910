/**
 * Priority: a pod's class becomes its priority and its preemption policy; without one the default class counts, if there
 * is any. What a pod says itself must agree. And of all classes only one may be the default.
 */
import type { Pod, PriorityClass } from '@timonier/api';
import { cachedObject, cachedObjects } from './cached.ts';
import { type AdmissionPlugin, type AdmissionRequest, refusal } from './request.ts';

const prefix = 'priorityclasses';
const defaultPolicy = 'PreemptLowerPriority';

export const priority: AdmissionPlugin = {
  name: 'Priority',
  operations: ['CREATE', 'UPDATE'],
  resources: ['/pods', 'scheduling.k8s.io/priorityclasses'],
  admit(request) {
    if (request.context.target.info.resource !== 'pods') return;
    if (request.operation === 'CREATE') setPriority(request);
    else keepPriority(request);
  },
  validate(request) {
    if (request.context.target.info.resource !== 'priorityclasses') return;
    const { metadata, globalDefault } = request.object as PriorityClass;
    if (globalDefault !== true) return;
    const other = defaultClass(request);
    if (other === undefined || other.metadata?.name === metadata?.name) return;
    throw refusal(
      request,
      `PriorityClass ${other.metadata?.name ?? ''} is already marked as default. Only one default can exist`,
    );
  },
};

/** Who leaves out what the server has set does not mean to change it. */
function keepPriority({ object, old }: AdmissionRequest): void {
  const [spec, before] = [(object as Pod).spec, (old as Pod).spec];
  if (spec === undefined || before === undefined) return;
  if (before.priority !== undefined) spec.priority ??= before.priority;
  if (before.preemptionPolicy !== undefined) spec.preemptionPolicy ??= before.preemptionPolicy;
}

function setPriority(request: AdmissionRequest): void {
  const { spec } = request.object as Pod;
  if (spec === undefined) return;
  const asked = spec.priorityClassName ?? '';
  const found = asked === '' ? defaultClass(request) : classNamed(request, asked);
  if (asked !== '' && found === undefined)
    throw refusal(request, `no PriorityClass with name ${asked} was found`);
  if (found !== undefined) spec.priorityClassName = found.metadata?.name ?? '';
  const value = found?.value ?? 0;
  if (spec.priority !== undefined && spec.priority !== value)
    throw refusal(
      request,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    );
  const policy = found?.preemptionPolicy ?? defaultPolicy;
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy)
    throw refusal(
      request,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    );
  spec.priority = value;
  spec.preemptionPolicy = policy;
}

function classNamed({ context }: AdmissionRequest, name: string): Readonly<PriorityClass> | undefined {
  return cachedObject<PriorityClass>(context.server, prefix, '', name);
}

/** If several claim to be the default, the lowest value counts. */
function defaultClass({ context }: AdmissionRequest): Readonly<PriorityClass> | undefined {
  return cachedObjects<PriorityClass>(context.server, prefix)
    .filter(({ globalDefault }) => globalDefault === true)
    .toSorted((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
}
