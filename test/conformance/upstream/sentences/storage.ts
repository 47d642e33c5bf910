/** Volumes and their claims; devices and theirs. */
import { expect } from '../../../acceptance/wait.ts';
import { pod } from '../manifests.ts';
import { isTrue, type Json, type Sentence } from '../world.ts';

const classes = '/apis/storage.k8s.io/v1/storageclasses';
const volumes = '/api/v1/persistentvolumes';
const claims = (namespace: string): string => `/api/v1/namespaces/${namespace}/persistentvolumeclaims`;
const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;

function claim(name: string, storageClassName: string, spec: Readonly<Record<string, unknown>> = {}) {
  return {
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName,
      resources: { requests: { storage: '1Gi' } },
      ...spec,
    },
  };
}

const withClaim = (claimName: string) => ({
  nodeSelector: { pool: 'main' },
  volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
});

const isBound = ({ status }: Json): boolean => status.phase === 'Bound';

export const storage: readonly Sentence[] = [
  {
    name: 'a claim is bound to the smallest volume that fits, which is released after it',
    run: async (world, namespace) => {
      for (const size of [5, 2])
        await world.create(volumes, {
          metadata: { name: `${namespace}-${size}` },
          spec: {
            capacity: { storage: `${size}Gi` },
            accessModes: ['ReadWriteOnce'],
            persistentVolumeReclaimPolicy: 'Retain',
            storageClassName: namespace,
            hostPath: { path: '/tmp/nothing' },
          },
        });
      for (const size of [5, 2])
        await world.shows(
          `${volumes}/${namespace}-${size}`,
          'it is there for whoever claims it',
          ({ status }) => status?.phase === 'Available',
        );
      await world.create(claims(namespace), claim('data', namespace));
      const bound = await world.shows(`${claims(namespace)}/data`, 'it is bound', isBound);
      expect(bound.spec.volumeName === `${namespace}-2`, bound.spec.volumeName);
      expect(bound.status.capacity.storage === '2Gi', JSON.stringify(bound.status));
      await world.shows(`${volumes}/${namespace}-2`, 'the volume says so', isBound);
      await world.remove(`${claims(namespace)}/data`);
      await world.shows(
        `${volumes}/${namespace}-2`,
        'it is released',
        ({ status }) => status.phase === 'Released',
      );
      for (const size of [5, 2]) {
        await world.remove(`${volumes}/${namespace}-${size}`);
        await world.gone(`${volumes}/${namespace}-${size}`);
      }
    },
  },
  {
    name: 'a volume is made for a claim when its first pod is scheduled, stays while the pod is there, and goes after it',
    run: async (world, namespace) => {
      await world.create(classes, {
        metadata: { name: namespace },
        provisioner: 'kubernetes.io/host-path',
        volumeBindingMode: 'WaitForFirstConsumer',
        reclaimPolicy: 'Delete',
      });
      const data = `${claims(namespace)}/data`;
      await world.create(claims(namespace), claim('data', namespace));
      const waiting = await world.get(data);
      expect(waiting.status.phase === 'Pending', 'it waits for its first pod');
      await world.create(pods(namespace), pod('user', { spec: withClaim('data') }));
      await world.shows(`${pods(namespace)}/user`, 'the pod runs', (json) => isTrue(json, 'Ready'));
      const bound = await world.shows(data, 'it is bound', isBound);
      await world.remove(data);
      const held = await world.get(data);
      expect(
        held.metadata.finalizers.includes('kubernetes.io/pvc-protection'),
        'it stays while it is in use',
      );
      await world.remove(`${pods(namespace)}/user`);
      await world.gone(data);
      await world.gone(`${volumes}/${bound.spec.volumeName}`);
      await world.remove(`${classes}/${namespace}`);
    },
  },
  {
    name: 'a pod with an ephemeral volume has a claim of its own, which goes with it',
    run: async (world, namespace) => {
      await world.create(classes, { metadata: { name: namespace }, provisioner: 'kubernetes.io/host-path' });
      const { spec } = claim('', namespace);
      await world.create(
        pods(namespace),
        pod('user', {
          spec: {
            nodeSelector: { pool: 'main' },
            volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: { spec } } }],
          },
        }),
      );
      await world.shows(`${claims(namespace)}/user-scratch`, 'its claim is bound', isBound);
      await world.shows(`${pods(namespace)}/user`, 'it runs', (json) => isTrue(json, 'Ready'));
      await world.remove(`${pods(namespace)}/user`);
      await world.gone(`${claims(namespace)}/user-scratch`);
      await world.remove(`${classes}/${namespace}`);
    },
  },
  {
    name: 'a volume of a CSI driver is attached to the node of its pod, and detached after it',
    run: async (world, namespace) => {
      const driver = `${namespace}.example.com`;
      await world.create('/apis/storage.k8s.io/v1/csidrivers', {
        metadata: { name: driver },
        spec: { attachRequired: true },
      });
      await world.create(volumes, {
        metadata: { name: namespace },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          storageClassName: namespace,
          csi: { driver, volumeHandle: 'volume-1' },
        },
      });
      await world.create(claims(namespace), claim('data', namespace));
      await world.create(pods(namespace), pod('user', { spec: withClaim('data') }));
      const attachments = '/apis/storage.k8s.io/v1/volumeattachments';
      const find = ({ items }: Json): Json =>
        items.find(({ spec }: Json) => spec.source.persistentVolumeName === namespace);
      const { spec, metadata } = find(
        await world.shows(attachments, 'it is to be attached', (json) => find(json) !== undefined),
      );
      const { spec: scheduled } = await world.get(`${pods(namespace)}/user`);
      expect(spec.attacher === driver && spec.nodeName === scheduled.nodeName, JSON.stringify(spec));
      await world.patch(`${attachments}/${metadata.name}/status`, { status: { attached: true } });
      await world.shows(`/api/v1/nodes/${spec.nodeName}`, 'the node says so', ({ status }) =>
        status.volumesAttached?.some(({ name }: Json) => String(name).includes(driver)),
      );
      await world.remove(`${pods(namespace)}/user`);
      await world.gone(`${attachments}/${metadata.name}`);
      await world.remove(`${claims(namespace)}/data`);
      await world.remove(`${volumes}/${namespace}`);
      await world.remove(`/apis/storage.k8s.io/v1/csidrivers/${driver}`);
    },
  },
  {
    name: 'a device is allocated to the claim that is made for a pod, and given back after it',
    run: async (world, namespace) => {
      const group = '/apis/resource.k8s.io/v1';
      const driver = `${namespace}.example.com`;
      const [node] = (await world.get('/api/v1/nodes?labelSelector=pool%3Dmain')).items;
      await world.create(`${group}/resourceslices`, {
        metadata: { name: namespace },
        spec: {
          driver,
          nodeName: node.metadata.name,
          pool: { name: namespace, generation: 1, resourceSliceCount: 1 },
          devices: [{ name: 'one', attributes: { size: { int: 4 } } }],
        },
      });
      await world.create(`${group}/deviceclasses`, {
        metadata: { name: namespace },
        spec: { selectors: [{ cel: { expression: `device.driver == "${driver}"` } }] },
      });
      const large = { cel: { expression: `device.attributes["${driver}"].size >= 2` } };
      await world.create(`${group}/namespaces/${namespace}/resourceclaimtemplates`, {
        metadata: { name: 'device' },
        spec: {
          spec: {
            devices: {
              requests: [{ name: 'device', exactly: { deviceClassName: namespace, selectors: [large] } }],
            },
          },
        },
      });
      const user = (name: string) =>
        pod(name, {
          spec: {
            nodeSelector: { pool: 'main' },
            resourceClaims: [{ name: 'device', resourceClaimTemplateName: 'device' }],
          },
        });
      await world.create(pods(namespace), user('first'));
      const first = await world.shows(`${pods(namespace)}/first`, 'it runs', (json) => isTrue(json, 'Ready'));
      expect(first.spec.nodeName === node.metadata.name, `it runs on ${first.spec.nodeName}`);
      const name = first.status.resourceClaimStatuses[0].resourceClaimName;
      const claimed = await world.get(`${group}/namespaces/${namespace}/resourceclaims/${name}`);
      expect(
        claimed.status.allocation.devices.results[0].device === 'one' &&
          claimed.status.reservedFor[0].uid === first.metadata.uid,
        JSON.stringify(claimed.status),
      );
      await world.create(pods(namespace), user('second'));
      await world.shows(`${pods(namespace)}/second`, 'the second finds none', (json) =>
        isTrue(json, 'PodScheduled', 'False'),
      );
      await world.remove(`${pods(namespace)}/first`);
      await world.shows(`${pods(namespace)}/second`, 'the second runs after it', (json) =>
        isTrue(json, 'Ready'),
      );
      await world.gone(`${group}/namespaces/${namespace}/resourceclaims/${name}`);
      await world.remove(`${group}/resourceslices/${namespace}`);
      await world.remove(`${group}/deviceclasses/${namespace}`);
    },
  },
];
