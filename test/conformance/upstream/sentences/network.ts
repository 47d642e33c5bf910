/** Services and what is behind them. */
import { expect } from '../../../acceptance/wait.ts';
import { workload } from '../manifests.ts';
import { type Json, type Sentence } from '../world.ts';

export const network: readonly Sentence[] = [
  {
    name: 'Endpoints and EndpointSlices follow the pods of a Service',
    run: async (world, namespace) => {
      const core = `/api/v1/namespaces/${namespace}`;
      const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
      await world.create(`${core}/services`, {
        metadata: { name: 'web' },
        spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
      });
      await world.create(deployments, workload('Deployment', 'web', { replicas: 3 }));
      const ready = ({ items }: Json): number =>
        items.flatMap(({ endpoints }: Json) => endpoints ?? []).filter((one: Json) => one.conditions.ready)
          .length;
      const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=${encodeURIComponent('kubernetes.io/service-name=web')}`;
      const list = await world.shows(slices, 'three endpoints are ready', (json) => ready(json) === 3);
      expect(list.items[0].ports[0].port === 8080, 'the slice has the port of the pods');
      await world.shows(
        `${core}/endpoints/web`,
        'the Endpoints have three addresses',
        ({ subsets }) => subsets?.[0]?.addresses?.length === 3,
      );
      const [one] = await world.pods(namespace, 'app=web');
      await world.patch(`${core}/pods/${one.metadata.name}`, {
        metadata: { annotations: { readiness: 'false' } },
      });
      await world.shows(slices, 'two endpoints are ready', (json) => ready(json) === 2);
      await world.shows(
        `${core}/endpoints/web`,
        'one address is not ready',
        ({ subsets }) => subsets?.[0]?.notReadyAddresses?.length === 1,
      );
      await world.remove(`${core}/services/web`);
      await world.gone(`${core}/endpoints/web`);
      await world.shows(slices, 'the slices are gone', ({ items }) => items.length === 0);
    },
  },
  {
    name: 'Endpoints that somebody writes by hand are mirrored to EndpointSlices',
    run: async (world, namespace) => {
      const core = `/api/v1/namespaces/${namespace}`;
      await world.create(`${core}/services`, {
        metadata: { name: 'outside' },
        spec: { ports: [{ port: 80 }] },
      });
      await world.create(`${core}/endpoints`, {
        metadata: { name: 'outside' },
        subsets: [{ addresses: [{ ip: '192.0.2.77' }], ports: [{ port: 8080 }] }],
      });
      const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
      const { items } = await world.shows(slices, 'there is a slice', (json) => json.items.length === 1);
      expect(
        items[0].endpoints[0].addresses[0] === '192.0.2.77' &&
          items[0].metadata.labels['endpointslice.kubernetes.io/managed-by'] ===
            'endpointslicemirroring-controller.k8s.io',
        JSON.stringify(items[0]),
      );
    },
  },
  {
    name: 'a range of Service addresses is ready, and not removed while a Service has one of its addresses',
    run: async (world, namespace) => {
      const ranges = '/apis/networking.k8s.io/v1/servicecidrs';
      await world.shows(`${ranges}/kubernetes`, 'the default range is ready', ({ status }) =>
        status?.conditions?.some((one: Json) => one.type === 'Ready' && one.status === 'True'),
      );
      await world.create(ranges, { metadata: { name: namespace }, spec: { cidrs: ['10.97.0.0/28'] } });
      await world.shows(
        `${ranges}/${namespace}`,
        'the new range is ready',
        ({ metadata, status }) =>
          metadata.finalizers?.length > 0 &&
          status?.conditions?.some((one: Json) => one.type === 'Ready' && one.status === 'True'),
      );
      const services = `/api/v1/namespaces/${namespace}/services`;
      await world.create(services, {
        metadata: { name: 'inside' },
        spec: { clusterIP: '10.97.0.5', ports: [{ port: 80 }] },
      });
      await world.remove(`${ranges}/${namespace}`);
      await world.shows(`${ranges}/${namespace}`, 'it waits', ({ status }) =>
        status.conditions.some((one: Json) => one.type === 'Ready' && one.status === 'False'),
      );
      await world.remove(`${services}/inside`);
      await world.gone(`${ranges}/${namespace}`);
    },
  },
];
