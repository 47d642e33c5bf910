/** Limit ranges: defaults that they give, and what they refuse, of containers, pods and claims. */
import { type Answer, jsonOf } from '../../calls.ts';
import type { Comparison, SidedCall } from '../../comparison.ts';
import { withSortedCauses } from '../custom/causes.ts';
import { makeNamespace } from '../world.ts';

type Json = Record<string, unknown>;

const ranges: Readonly<Record<string, readonly Json[]>> = {
  'bounds-default': [
    { type: 'Container', default: { cpu: '500m', memory: '1Gi' }, defaultRequest: { cpu: '100m' } },
  ],
  'bounds-container': [
    {
      type: 'Container',
      min: { cpu: '100m', memory: '64Mi' },
      max: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' },
      maxLimitRequestRatio: { cpu: '2' },
    },
  ],
  'bounds-pod': [
    {
      type: 'Pod',
      min: { cpu: '200m' },
      max: { cpu: '2', memory: '1Gi' },
      maxLimitRequestRatio: { memory: '1.5' },
    },
  ],
  'bounds-claim': [{ type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '10Gi' } }],
  'bounds-several': [
    { type: 'Container', max: { cpu: '1' }, default: { memory: '1Gi' }, min: { memory: '1Mi' } },
    { type: 'Pod', max: { cpu: '1500m' } },
  ],
};

const resources: readonly Json[] = [
  {},
  { requests: { cpu: '50m' } },
  { limits: { cpu: '50m', memory: '32Mi' } },
  { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '100m', memory: '64Mi' } },
  { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '900m', memory: '128Mi' } },
  {
    requests: { cpu: '500m', memory: '512Mi' },
    limits: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' },
  },
  { limits: { cpu: '3', memory: '2Gi', 'ephemeral-storage': '2Gi' } },
  { requests: { cpu: '3', memory: '2Gi' } },
  { requests: { cpu: '0.7', memory: '1.5G' }, limits: { cpu: '1e0', memory: '1500000k' } },
];

export async function boundScript(comparison: Comparison): Promise<void> {
  for (const [name, limits] of Object.entries(ranges)) {
    await makeNamespace(comparison, name);
    await comparison.compare(`a range of ${name}`, {
      method: 'POST',
      path: `/api/v1/namespaces/${name}/limitranges`,
      body: { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'range' }, spec: { limits } },
    });
    await takesEffect(comparison, name);
    const calls: { title: string; call: SidedCall }[] = [];
    const post = (title: string, what: string, body: unknown): void =>
      void calls.push({
        title: `${name}: ${title}`,
        call: { method: 'POST', path: `/api/v1/namespaces/${name}/${what}?dryRun=All`, body },
      });
    const pod = (spec: Json): Json => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'one' }, spec });
    for (const own of resources) {
      const told = JSON.stringify(own);
      const container = (called: string): Json => ({ name: called, image: 'a', resources: own });
      post(told, 'pods', pod({ containers: [container('one')] }));
      post(`twice ${told}`, 'pods', pod({ containers: [container('one'), container('two')] }));
      post(
        `first ${told}`,
        'pods',
        pod({ containers: [container('one')], initContainers: [container('first')] }),
      );
      post(
        `beside ${told}`,
        'pods',
        pod({
          containers: [container('one')],
          initContainers: [{ ...container('side'), restartPolicy: 'Always' }],
        }),
      );
      post(`the pod ${told}`, 'pods', pod({ containers: [{ name: 'one', image: 'a' }], resources: own }));
    }
    for (const storage of ['1Mi', '1Gi', '10Gi', '11Gi', '5e9'])
      post(`a claim of ${storage}`, 'persistentvolumeclaims', {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'one' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
      });
    // Kinds of resources are gone through in another order each time.
    await comparison.all(calls, withSortedRules);
  }
}

/** The same of what a refusal lists. */
function withSortedRules(answer: Answer): Answer {
  const sorted = withSortedCauses(answer);
  const { message, ...body } = (jsonOf(sorted) ?? {}) as { message?: string };
  const [, head = '', list] = /^(.* is forbidden: )\[(.*)\]$/.exec(message ?? '') ?? [];
  if (list === undefined) return sorted;
  return { ...sorted, text: JSON.stringify({ ...body, message: head + list.split(', ').sort().join(', ') }) };
}

/** Upstream looks at ranges that it watches: asks until one is refused, or given defaults. */
async function takesEffect(comparison: Comparison, name: string): Promise<void> {
  const probe =
    name === 'bounds-claim'
      ? {
          what: 'persistentvolumeclaims',
          body: {
            apiVersion: 'v1',
            kind: 'PersistentVolumeClaim',
            metadata: { name: 'probe' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Ki' } } },
          },
        }
      : {
          what: 'pods',
          body: {
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: { name: 'probe' },
            spec: { containers: [{ name: 'a', image: 'b', resources: { limits: { cpu: '100' } } }] },
          },
        };
  await comparison.settle(
    `${name} counts`,
    { method: 'POST', path: `/api/v1/namespaces/${name}/${probe.what}?dryRun=All`, body: probe.body },
    ({ status, text }) => status === 403 || text.includes('"1Gi"'),
  );
}
