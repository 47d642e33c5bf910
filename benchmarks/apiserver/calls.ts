/** The requests that are measured: bodies as real clients send them. */
import type { Call } from './session.ts';

export const podCount = 10_000;
/** Nodes that pods are on. */
export const nodeCount = 100;
const applied = 500;
export const pods = '/api/v1/namespaces/default/pods';
export const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
export const protobuf = 'application/vnd.kubernetes.protobuf';
const deployments = '/apis/apps/v1/namespaces/default/deployments';

const container = {
  name: 'main',
  image: 'registry.example/app:1.2.3',
  ports: [{ name: 'http', containerPort: 8080 }],
  env: [{ name: 'MODE', value: 'production' }],
  resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
  readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 5 },
};

export function createPod(index: number, prefix = 'pod'): Call {
  const body = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${prefix}-${index}`,
      labels: { app: `app-${index % 100}`, tier: index % 2 === 0 ? 'front' : 'back' },
    },
    spec: { nodeName: `node-${index % nodeCount}`, containers: [container] },
  });
  return { method: 'POST', path: `${pods}?fieldManager=bench`, body };
}

/** At once, as nothing runs it. */
export function deletePod(index: number, prefix: string): Call {
  return { method: 'DELETE', path: `${pods}/${prefix}-${index}?gracePeriodSeconds=0` };
}

export function getPod(index: number): Call {
  return { method: 'GET', path: `${pods}/pod-${index % podCount}` };
}

/** As a kubelet does. */
export function updateStatus(index: number): Call {
  const now = '2026-01-01T00:00:00Z';
  const conditions = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: now,
  }));
  const status = {
    phase: 'Running',
    podIP: `10.244.0.${index % 250}`,
    startTime: now,
    message: `${index}`,
    conditions,
  };
  return {
    method: 'PATCH',
    path: `${pods}/pod-${index % podCount}/status?fieldManager=kubelet`,
    body: JSON.stringify({ status }),
    contentType: 'application/strategic-merge-patch+json',
  };
}

export function patchPod(index: number): Call {
  return {
    method: 'PATCH',
    path: `${pods}/pod-${index % podCount}?fieldManager=bench`,
    body: JSON.stringify({ metadata: { annotations: { 'example.com/turn': `${index}` } } }),
    contentType: 'application/merge-patch+json',
  };
}

/** Server-side apply of a small object. */
export function applyMap(index: number): Call {
  const name = `map-${index % applied}`;
  const body = JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { app: 'bench' } },
    data: { turn: `${index}`, fixed: 'value' },
  });
  return {
    method: 'PATCH',
    path: `/api/v1/namespaces/default/configmaps/${name}?fieldManager=bench&force=true`,
    body,
    contentType: 'application/apply-patch+yaml',
  };
}

/** Server-side apply of an object with lists that merge. */
export function applyDeployment(index: number): Call {
  const name = `web-${index % applied}`;
  const labels = { app: name };
  const body = JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels },
    spec: {
      replicas: 1 + (index % 7),
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ ...container, env: [{ name: 'TURN', value: `${index}` }] }] },
      },
    },
  });
  return {
    method: 'PATCH',
    path: `${deployments}/${name}?fieldManager=bench&force=true`,
    body,
    contentType: 'application/apply-patch+yaml',
  };
}

/** A node's lease; with a version it is renewed, as kubelets do. */
export function lease(node: number, version?: string): Call {
  const name = `node-${node}`;
  const body = JSON.stringify({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace: 'kube-node-lease',
      ...(version === undefined ? {} : { resourceVersion: version }),
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: `00000000-0000-4000-8000-${node}` }],
    },
    spec: { holderIdentity: name, leaseDurationSeconds: 8, renewTime: renewTime() },
  });
  return version === undefined
    ? { method: 'POST', path: leases, body }
    : { method: 'PUT', path: `${leases}/${name}`, body };
}

/** RFC 3339 in microseconds. */
function renewTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
