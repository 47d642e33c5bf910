/**
 * Which of the known resources this server serves: those that something in the cluster acts on, or that need nobody
 * to act. A kind that is only stored would look as if it worked.
 */
import { createRegistry, type Registry } from '@timonier/api';

const served: ReadonlySet<string> = new Set([
  '/v1/bindings',
  '/v1/configmaps',
  '/v1/events',
  '/v1/namespaces',
  '/v1/nodes',
  '/v1/pods',
  '/v1/secrets',
  '/v1/serviceaccounts',
  '/v1/services',
  'apps/v1/deployments',
  'apps/v1/replicasets',
  'coordination.k8s.io/v1/leases',
  'discovery.k8s.io/v1/endpointslices',
]);

/** Subresources of served resources that nothing here answers. */
const unservedSubresources: ReadonlySet<string> = new Set([
  'pods/ephemeralcontainers',
  'pods/proxy',
  'pods/resize',
  'nodes/proxy',
  'services/proxy',
  'serviceaccounts/token',
]);

/** A registry of what is served, and nothing else. */
export function servedRegistry(): Registry {
  const registry = createRegistry();
  for (const info of registry.all()) {
    registry.remove(info);
    if (!served.has(`${info.group}/${info.version}/${info.resource}`)) continue;
    registry.add(
      Object.defineProperty(Object.create(info, {}), 'subresources', {
        value: info.subresources.filter(({ name }) => !unservedSubresources.has(`${info.resource}/${name}`)),
        enumerable: true,
      }) as typeof info,
    );
  }
  return registry;
}
