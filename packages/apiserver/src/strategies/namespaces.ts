/**
 * Namespaces: the finalizer that keeps one until its content is gone, which only `finalize` takes off, and its phase.
 */
import type { Namespace } from '@timonier/api';
import type { Strategy } from './strategy.ts';

const finalizer = 'kubernetes';

export const namespaceStrategy: Strategy = {
  prepareCreate(object) {
    const namespace = object as Namespace;
    const finalizers = namespace.spec?.finalizers ?? [];
    namespace.spec = {
      ...namespace.spec,
      finalizers: finalizers.includes(finalizer) ? finalizers : [...finalizers, finalizer],
    };
    namespace.status = { phase: 'Active' };
    label(namespace);
  },
  prepareUpdate(object, old) {
    const namespace = object as Namespace;
    const before = old as Namespace;
    // Only `finalize` changes the finalizers of the spec.
    if (before.spec !== undefined) namespace.spec = before.spec;
    label(namespace);
  },
  subresources: {
    finalize(object, old) {
      const { status } = old as Namespace;
      if (status === undefined) delete object['status'];
      else object['status'] = status;
      label(object);
    },
  },
};

/** The label that selectors of namespaces rely on. */
function label(namespace: Namespace): void {
  namespace.metadata = {
    ...namespace.metadata,
    labels: { ...namespace.metadata?.labels, 'kubernetes.io/metadata.name': namespace.metadata?.name ?? '' },
  };
}
