/** Server-side apply by several over lists that merge by keys, some of which have defaults. */
import type { Comparison } from '../../comparison.ts';
import { withSortedCauses } from '../custom/causes.ts';
import { apps, core, get, patch, put } from './world.ts';

type Json = Record<string, unknown>;

/** Who applies what, in turn; `force` takes what others own. */
interface Step {
  readonly by: string;
  readonly what: Json;
  readonly force?: boolean;
  readonly path?: string;
}

interface Story {
  readonly path: string;
  readonly head: Json;
  readonly steps: Readonly<Record<string, Step>>;
}

const service = (name: string): Story['head'] => ({ apiVersion: 'v1', kind: 'Service', metadata: { name } });
const ports = (...all: Json[]): Json => ({ spec: { ports: all } });
const container = (...all: Json[]): Json => ({
  spec: {
    selector: { matchLabels: { app: 'x' } },
    template: { metadata: { labels: { app: 'x' } }, spec: { containers: all } },
  },
});
const one = (more: Json): Json => container({ name: 'one', image: 'demo:1', ...more });
const onlyOne = (more: Json): Json => ({
  spec: { template: { spec: { containers: [{ name: 'one', ...more }] } } },
});

const stories: Readonly<Record<string, Story>> = {
  'ports of a service': {
    path: `${core}/services/ports`,
    head: service('ports'),
    steps: {
      'one makes it': { by: 'one', what: { spec: { selector: { a: 'b' }, ports: [{ port: 80 }] } } },
      'two says the protocol': { by: 'two', what: ports({ port: 80, protocol: 'TCP', name: 'web' }) },
      'two adds UDP': {
        by: 'two',
        what: ports({ port: 80, protocol: 'TCP', name: 'web' }, { port: 80, protocol: 'UDP', name: 'udp' }),
      },
      'one names its own': { by: 'one', what: ports({ port: 80, name: 'http' }) },
      'one by force': { by: 'one', what: ports({ port: 80, name: 'http' }), force: true },
      'the same port twice': { by: 'one', what: ports({ port: 80 }, { port: 80, protocol: 'TCP' }) },
      'another target': { by: 'two', what: ports({ port: 80, targetPort: 'web' }), force: true },
      'three without a port': { by: 'three', what: ports({ protocol: 'TCP', name: 'x' }) },
      'one gives it up': { by: 'one', what: {} },
      'two gives it up': { by: 'two', what: {} },
    },
  },
  'ports of containers': {
    path: `${apps}/deployments/ports`,
    head: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'ports' } },
    steps: {
      'one makes it': { by: 'one', what: one({ ports: [{ containerPort: 80 }] }) },
      'two says the protocol': {
        by: 'two',
        what: onlyOne({ ports: [{ containerPort: 80, protocol: 'TCP' }] }),
      },
      'two adds UDP': {
        by: 'two',
        what: onlyOne({
          ports: [{ containerPort: 80, protocol: 'UDP', name: 'udp' }, { containerPort: 80 }],
        }),
      },
      'one leaves out its own': { by: 'one', what: one({}) },
      'the same port twice': {
        by: 'one',
        what: one({ ports: [{ containerPort: 90 }, { containerPort: 90, protocol: 'TCP' }] }),
      },
      'an order of its own': {
        by: 'three',
        what: onlyOne({ ports: [{ containerPort: 7 }, { containerPort: 80 }, { containerPort: 3 }] }),
      },
      'variables of one': {
        by: 'one',
        what: one({
          env: [
            { name: 'A', value: '1' },
            { name: 'B', value: '2' },
          ],
        }),
      },
      'variables of two': {
        by: 'two',
        what: onlyOne({
          env: [
            { name: 'C', value: '3' },
            { name: 'A', value: '1' },
          ],
        }),
      },
      'a variable that differs': { by: 'two', what: onlyOne({ env: [{ name: 'A', value: 'x' }] }) },
      'a variable from elsewhere': {
        by: 'two',
        what: onlyOne({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
        force: true,
      },
      'a variable without a name': { by: 'two', what: onlyOne({ env: [{ value: 'x' }] }) },
      'volumes and mounts': {
        by: 'one',
        what: {
          spec: {
            selector: { matchLabels: { app: 'x' } },
            template: {
              metadata: { labels: { app: 'x' } },
              spec: {
                containers: [
                  { name: 'one', image: 'demo:1', volumeMounts: [{ name: 'v', mountPath: '/v' }] },
                  { name: 'two', image: 'demo:2' },
                ],
                volumes: [
                  { name: 'v', emptyDir: {} },
                  { name: 'w', configMap: { name: 'x' } },
                ],
                tolerations: [{ key: 'a', operator: 'Exists' }],
                imagePullSecrets: [{ name: 's' }],
                hostAliases: [{ ip: '1.2.3.4', hostnames: ['a'] }],
                topologySpreadConstraints: [
                  { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' },
                ],
              },
            },
          },
        },
      },
      'another source of a volume': {
        by: 'two',
        what: { spec: { template: { spec: { volumes: [{ name: 'v', hostPath: { path: '/x' } }] } } } },
        force: true,
      },
      'tolerations of two': {
        by: 'two',
        what: { spec: { template: { spec: { tolerations: [{ key: 'b', operator: 'Exists' }] } } } },
      },
      'spread by two': {
        by: 'two',
        what: {
          spec: {
            template: {
              spec: {
                topologySpreadConstraints: [
                  { maxSkew: 2, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' },
                  { maxSkew: 3, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' },
                ],
              },
            },
          },
        },
      },
      'an empty list': { by: 'three', what: onlyOne({ ports: [], env: null }) },
      'conditions by status': {
        by: 'status',
        path: '/status',
        what: { status: { conditions: [{ type: 'Available', status: 'True' }], replicas: 1 } },
      },
      'conditions by another': {
        by: 'other',
        path: '/status',
        what: {
          status: {
            conditions: [
              { type: 'Progressing', status: 'True' },
              { type: 'Available', status: 'False' },
            ],
          },
        },
      },
      'conditions by force': {
        by: 'other',
        path: '/status',
        force: true,
        what: { spec: { replicas: 9 }, status: { conditions: [{ type: 'Available', status: 'False' }] } },
      },
      'the rest of one': { by: 'one', what: one({}) },
    },
  },
  'owners and finalizers': {
    path: `${core}/configmaps/owned`,
    head: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owned' } },
    steps: {
      'one makes it': {
        by: 'one',
        what: {
          metadata: { name: 'owned', finalizers: ['example.com/a'], labels: { a: 'x' } },
          data: { a: '1' },
        },
      },
      'two has others': {
        by: 'two',
        what: {
          metadata: {
            name: 'owned',
            finalizers: ['example.com/b', 'example.com/a'],
            ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'x', uid: 'u-1' }],
          },
          data: { b: '2' },
        },
      },
      'one has an owner': {
        by: 'one',
        what: {
          metadata: {
            name: 'owned',
            ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'y', uid: 'u-1', controller: true }],
          },
        },
      },
      'the same finalizer twice': {
        by: 'one',
        what: { metadata: { name: 'owned', finalizers: ['example.com/c', 'example.com/c'] } },
      },
      'data as one value': { by: 'three', what: { data: { a: '9', c: null } } },
      'binary data': { by: 'three', what: { binaryData: { a: 'AAE=' } } },
      'binary data elsewhere': { by: 'three', what: { binaryData: { d: 'AAE=' } } },
      'immutable by four': { by: 'four', what: { immutable: true } },
      'data of what is immutable': { by: 'one', what: { data: { a: '7' } }, force: true },
      'two gives up': { by: 'two', what: {} },
    },
  },
  'an ingress': {
    path: '/apis/networking.k8s.io/v1/namespaces/clients/ingresses/rules',
    head: { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'rules' } },
    steps: {
      'one makes it': {
        by: 'one',
        what: { spec: { rules: [{ host: 'a.example.com' }], ingressClassName: 'x' } },
      },
      'two has rules': { by: 'two', what: { spec: { rules: [{ host: 'b.example.com' }] } } },
      'two by force': { by: 'two', what: { spec: { rules: [{ host: 'b.example.com' }] } }, force: true },
      'one again': { by: 'one', what: { spec: { ingressClassName: 'x' } } },
      'two gives up': { by: 'two', what: {} },
    },
  },
  'webhooks by name': {
    path: '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/clients',
    head: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'clients' },
    },
    steps: {
      'one makes it': {
        by: 'one',
        what: {
          webhooks: [
            {
              name: 'a.example.com',
              admissionReviewVersions: ['v1'],
              sideEffects: 'None',
              clientConfig: { url: 'https://127.0.0.1/a' },
              failurePolicy: 'Ignore',
            },
          ],
        },
      },
      'an injector brings the bundle': {
        by: 'injector',
        what: { webhooks: [{ name: 'a.example.com', clientConfig: { caBundle: 'eA==' } }] },
      },
      'one again': {
        by: 'one',
        what: {
          webhooks: [
            {
              name: 'a.example.com',
              admissionReviewVersions: ['v1'],
              sideEffects: 'None',
              clientConfig: { url: 'https://127.0.0.1/b' },
              failurePolicy: 'Fail',
            },
          ],
        },
      },
      'one gives it up': { by: 'one', what: { webhooks: [] } },
    },
  },
  'service accounts': {
    path: `${core}/serviceaccounts/applied`,
    head: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'applied' } },
    steps: {
      'one makes it': { by: 'one', what: { secrets: [{ name: 'a' }], imagePullSecrets: [{ name: 'b' }] } },
      'two has others': { by: 'two', what: { secrets: [{ name: 'c' }], imagePullSecrets: [{ name: 'd' }] } },
      'two by force': { by: 'two', what: { secrets: [{ name: 'c' }] }, force: true },
      'one gives up': { by: 'one', what: {} },
    },
  },
};

export async function listsOfMaps(comparison: Comparison): Promise<void> {
  for (const [story, { path, head, steps }] of Object.entries(stories)) {
    for (const [title, { by, what, force, path: below = '' }] of Object.entries(steps))
      await comparison.compare(
        `${story}: ${title}`,
        patch('apply', `${path}${below}?fieldManager=${by}${force === true ? '&force=true' : ''}`, {
          ...head,
          ...what,
        }),
        withSortedCauses,
      );
    await comparison.compare(`${story}: an update`, (side) =>
      put(`${path}?fieldManager=editor`, {
        ...side.saw(`${story}: one makes it`),
        metadata: {
          ...side.saw(`${story}: one makes it`)?.metadata,
          resourceVersion: undefined,
          labels: { by: 'editor' },
        },
      }),
    );
    await comparison.compare(
      `${story}: one after the update`,
      () => {
        const first = steps['one makes it'];
        return patch('apply', `${path}?fieldManager=one`, { ...head, ...first?.what });
      },
      withSortedCauses,
    );
    await comparison.compare(`${story}: in the end`, get(path));
  }
}
