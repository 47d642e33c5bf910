/** What the requests are about: paths, media types of patches, and two objects. */
import { namespace } from '../world.ts';

export const maps = `/api/v1/namespaces/${namespace}/configmaps`;
export const pods = `/api/v1/namespaces/${namespace}/pods`;
export const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
export const merge = { 'content-type': 'application/merge-patch+json' };
export const jsonPatch = { 'content-type': 'application/json-patch+json' };
export const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
export const apply = { 'content-type': 'application/apply-patch+yaml' };

export const map = (name: string, more: object = {}): Record<string, unknown> => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels: { kind: 'verbs' } },
  data: { a: 'b' },
  ...more,
});

export const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'verbs', labels: { kind: 'verbs' } },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'verbs' } },
    template: {
      metadata: { labels: { app: 'verbs' } },
      spec: { containers: [{ name: 'one', image: 'demo:1', ports: [{ containerPort: 80 }] }] },
    },
  },
};
