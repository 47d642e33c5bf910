/** Metrics of the kubelet, under upstream's names where it has one. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type KubeletMetrics = ReturnType<typeof createKubeletMetrics>;

/** Upstream's of the start of a pod, with finer ones below half a second, where ours are. */
const longBuckets = [
  0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900,
  1200, 1800, 2700, 3600,
];
const callBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

export function createKubeletMetrics(registry: Registry, nodeName: string) {
  const registers = [registry];
  new Gauge({
    name: 'kubelet_node_name',
    help: 'Always 1; the label is the name of the node.',
    labelNames: ['node'],
    registers,
  }).set({ node: nodeName }, 1);
  return {
    registry,
    runningPods: new Gauge({
      name: 'kubelet_running_pods',
      help: 'Pods that have a ready sandbox.',
      registers,
    }),
    runningContainers: new Gauge({
      name: 'kubelet_running_containers',
      help: 'Containers by state.',
      labelNames: ['container_state'],
      registers,
    }),
    desiredPods: new Gauge({ name: 'kubelet_desired_pods', help: 'Pods that should be here.', registers }),
    podStart: new Histogram({
      name: 'kubelet_pod_start_duration_seconds',
      help: 'Time from seeing a pod to all of its containers running.',
      buckets: longBuckets,
      registers,
    }),
    podWorker: new Histogram({
      name: 'kubelet_pod_worker_duration_seconds',
      help: 'Time of one pass over one pod.',
      labelNames: ['operation_type'],
      buckets: callBuckets,
      registers,
    }),
    relistDuration: new Histogram({
      name: 'kubelet_pleg_relist_duration_seconds',
      help: 'Time to list everything in the runtime.',
      buckets: callBuckets,
      registers,
    }),
    relistInterval: new Histogram({
      name: 'kubelet_pleg_relist_interval_seconds',
      help: 'Time from one listing of the runtime to the next.',
      buckets: callBuckets,
      registers,
    }),
    runtimeOperations: new Counter({
      name: 'kubelet_runtime_operations_total',
      help: 'Calls to the runtime.',
      labelNames: ['operation_type'],
      registers,
    }),
    runtimeErrors: new Counter({
      name: 'kubelet_runtime_operations_errors_total',
      help: 'Calls to the runtime that failed.',
      labelNames: ['operation_type'],
      registers,
    }),
    runtimeDuration: new Histogram({
      name: 'kubelet_runtime_operations_duration_seconds',
      help: 'Time of calls to the runtime.',
      labelNames: ['operation_type'],
      buckets: callBuckets,
      registers,
    }),
    startedContainers: new Counter({
      name: 'kubelet_started_containers_total',
      help: 'Containers started.',
      registers,
    }),
    startedContainerErrors: new Counter({
      name: 'kubelet_started_containers_errors_total',
      help: 'Containers that could not be started, by reason.',
      labelNames: ['code'],
      registers,
    }),
    leaseRenewals: new Counter({
      name: 'timonier_kubelet_lease_renewals_total',
      help: 'Renewals of the node lease by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    probes: new Counter({
      name: 'prober_probe_total',
      help: 'Probes by kind and result.',
      labelNames: ['probe_type', 'result'],
      registers,
    }),
  };
}
