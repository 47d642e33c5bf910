/**
 * Which of the known resources this server serves: those that something in the cluster acts on, or that need nobody
 * to act. A kind that is only stored would look as if it worked.
 */
import { createRegistry, type Registry, type ResourceInfo } from '@timonier/api';

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
  'authentication.k8s.io/v1/selfsubjectreviews',
  'authentication.k8s.io/v1/tokenreviews',
  'authorization.k8s.io/v1/localsubjectaccessreviews',
  'authorization.k8s.io/v1/selfsubjectaccessreviews',
  'authorization.k8s.io/v1/selfsubjectrulesreviews',
  'authorization.k8s.io/v1/subjectaccessreviews',
  'coordination.k8s.io/v1/leases',
  'discovery.k8s.io/v1/endpointslices',
  'rbac.authorization.k8s.io/v1/clusterrolebindings',
  'rbac.authorization.k8s.io/v1/clusterroles',
  'rbac.authorization.k8s.io/v1/rolebindings',
  'rbac.authorization.k8s.io/v1/roles',
]);

/** Served for reading only: clients ask which custom resources there are before they call a kind unknown. */
const readOnly: ReadonlySet<string> = new Set(['apiextensions.k8s.io/v1/customresourcedefinitions']);
const readingVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch']);

/** Subresources of served resources that nothing here answers. */
const unservedSubresources: ReadonlySet<string> = new Set([
  'pods/ephemeralcontainers',
  'pods/proxy',
  'pods/resize',
  'nodes/proxy',
  'services/proxy',
]);

/** A registry of what is served, and nothing else. */
export function servedRegistry(): Registry {
  const registry = createRegistry();
  for (const info of registry.all()) {
    registry.remove(info);
    const name = `${info.group}/${info.version}/${info.resource}`;
    if (served.has(name)) registry.add(narrowed(info, info.verbs));
    else if (readOnly.has(name))
      registry.add({
        ...narrowed(
          info,
          info.verbs.filter((verb) => readingVerbs.has(verb)),
        ),
        subresources: [],
      });
  }
  return registry;
}

function narrowed(info: ResourceInfo, verbs: readonly string[]): ResourceInfo {
  const subresources = info.subresources.filter(
    ({ name }) => !unservedSubresources.has(`${info.resource}/${name}`),
  );
  return { ...info, verbs, subresources };
}
