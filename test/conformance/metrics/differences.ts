/**
 * What differs on purpose, each with its reason. `npm run conformance -- metrics` says which are not seen any more.
 * What is only not there yet says so, and stands in docs/metrics.md.
 */
import type { Kind } from './compare.ts';
import type { ComponentName } from './world.ts';

export interface Difference {
  readonly metrics: RegExp;
  readonly kinds: readonly Kind[];
  /** Everywhere unless told. */
  readonly in?: readonly ComponentName[];
  /** Depends on what comes first, and so is not seen each time. */
  readonly sometimes?: true;
  readonly reason: string;
}

const missing: readonly Kind[] = ['missing here'];
const extra: readonly Kind[] = ['only here'];
const values: readonly Kind[] = ['other values'];

export const meant: readonly Difference[] = [
  {
    metrics: /^go_|^etcd_server_go_version$|^scheduler_goroutines$/,
    kinds: missing,
    reason: "Go's runtime; Node's tells about itself as nodejs_*",
  },
  {
    metrics: /^nodejs_|^process_cpu_(user|system)_seconds_total$|^process_heap_bytes$/,
    kinds: extra,
    reason: "Node's runtime, in the place of go_*",
  },
  { metrics: /^timonier_/, kinds: extra, reason: 'what upstream has no name for' },
  {
    metrics: /^apiserver_(request_slo_duration_seconds|flowcontrol_request_concurrency_(in_use|limit))$/,
    kinds: extra,
    in: ['apiserver'],
    reason: 'upstream hides them under the names of before; rules and dashboards still ask for these',
  },
  {
    metrics: /^process_network_|^process_virtual_memory_max_bytes$/,
    kinds: missing,
    reason:
      "Go's library reads more of /proc: bytes of the whole host's network, and a limit that is never set",
  },
  {
    metrics: /^(registered|hidden|disabled)_metrics_total$|^cardinality_enforcement_|^promhttp_/,
    kinds: missing,
    reason: 'metrics about the making of metrics',
  },
  {
    metrics: /^kubernetes_feature_enabled$|^etcd_server_feature_enabled$|^version_info$/,
    kinds: missing,
    reason: 'there are no feature gates, and one version is spoken at a time',
  },
  {
    metrics:
      /^apiserver_(audit|envelope|storage_(data_key|envelope)|webhooks_x509|kube_aggregator_x509|validation_d|cel_|client_cert)|^aggregator_discovery_|^apiextensions_/,
    kinds: missing,
    in: ['scheduler', 'controller-manager'],
    reason: "upstream's loops are built on the library of its API server, and show its metrics",
  },
  {
    metrics: /^rest_client_(exec_plugin|transport|rate_limiter)_/,
    kinds: missing,
    reason: 'clients have no plugins for credentials, no cache of transports, and do not limit themselves',
  },
  {
    metrics: /^rest_client_/,
    kinds: missing,
    in: ['apiserver'],
    reason: 'our API server is no client of itself',
  },
  {
    metrics: /^workqueue_/,
    kinds: missing,
    in: ['apiserver', 'scheduler'],
    reason:
      'our API server and scheduler have no work queues; the scheduler’s own queue is scheduler_pending_pods',
  },
  {
    metrics: /^apiserver_selfrequest_total$/,
    kinds: missing,
    reason: 'our API server is no client of itself',
  },
  {
    metrics: /^apiserver_audit_/,
    kinds: missing,
    in: ['apiserver'],
    reason: 'shown when there is an audit policy',
  },
  {
    metrics: /^apiserver_(envelope_|storage_(data_key|envelope))/,
    kinds: missing,
    in: ['apiserver'],
    reason:
      'keys of an external service are not supported; what encryption with own keys tells is timonier_*',
  },
  {
    metrics:
      /^aggregator_discovery_|^apiserver_(watch_cache_(initial|consistent|read_wait|events_disp)|init_events)/,
    kinds: missing,
    in: ['apiserver'],
    reason: 'caches of another make: one watch over the whole store, and lists that wait for its revision',
  },
  {
    metrics: /^apiserver_storage_list_/,
    kinds: missing,
    reason: 'lists come from the cache; those from the store count in etcd_request_duration_seconds',
  },
  {
    metrics: /^apiserver_storage_(size_bytes|db_total_size_in_bytes)$/,
    kinds: missing,
    reason: 'the store says it itself: etcd_mvcc_db_total_size_in_bytes',
  },
  {
    metrics: /^etcd_(bookmark|lease_object)_|^grpc_client_/,
    kinds: missing,
    in: ['apiserver'],
    reason: "inner workings of Go's etcd client",
  },
  {
    metrics: /^apiserver_flowcontrol_(dispatch_r|latest_s|next_|seat_fair_frac|read_vs_write)/,
    kinds: missing,
    reason: "inner workings of upstream's fair queuing",
  },
  {
    metrics: /^(apiserver_validation_d|apiserver_request_timestamp_|node_authorizer_graph_)/,
    kinds: missing,
    in: ['apiserver'],
    reason: 'checks of upstream’s on its own code',
  },
  {
    metrics: /^authentication_token_cache_/,
    kinds: missing,
    reason: 'what is remembered of tokens is of another make, and is not counted',
  },
  {
    metrics:
      /^(apiserver_(cel_|current_inqueue|flowcontrol_(demand_seats|priority_level|request_queue_length|watch_count)|nodeport_repair|request_body_size|request_filter|tls_handshake|watch_list_dur|webhooks_x509|kube_aggregator_x509)|apiextensions_|serviceaccount_|field_validation_|kube_apiserver_|pod_security_)/,
    kinds: missing,
    in: ['apiserver'],
    reason: 'could be told, and is not yet: no dashboard or alert that we know asks for it',
  },
  {
    metrics: /^scheduler_/,
    kinds: missing,
    reason:
      'events, hints, plugins one by one and preemption: of machinery that is upstream’s, or not there (preemption)',
  },
  {
    metrics:
      /^(cronjob_|device_taint_|endpoint_slice_|ephemeral_volume_|garbagecollector_|horizontal_pod_|informer_|node_collector_|node_ipam_|replicaset_|retroactive_|root_ca_|running_managed_|taint_eviction_|ttl_after_|job_|daemonset_|statefulset_|attachdetach_|persistentvolume_|pv_collector_|storage_)/,
    kinds: missing,
    in: ['controller-manager'],
    reason:
      'of single controllers; could be told, and is not yet: no dashboard or alert that we know asks for it',
  },
  {
    metrics:
      /^etcd_debugging_|^etcd_grpc_proxy_|^etcd_snap_|^etcd_disk_(backend_(defrag|snapshot)|defrag|wal_write)|^etcd_mvcc_(db_open|hash)/,
    kinds: missing,
    in: ['store'],
    reason: "parts that are etcd's: bbolt, its second store, its proxy, its snapshots; or for debugging only",
  },
  {
    metrics: /^etcd_server_/,
    kinds: missing,
    in: ['store'],
    reason: 'could be told, and is not yet: no dashboard or alert that we know asks for it',
  },
  {
    metrics: /^etcd_debugging_mvcc_db_total_size_in_bytes$/,
    kinds: extra,
    reason: "etcd 3.4's name, which older dashboards ask for",
  },
  {
    metrics: /^kubernetes_build_info$/,
    kinds: extra,
    in: ['store'],
    reason: 'every process of a master says what runs',
  },
  {
    metrics: /^grpc_server_/,
    kinds: values,
    in: ['store'],
    reason:
      'other services beside those of keys and watches: election and lock count here, and health is not gRPC',
  },
  {
    metrics: /^rest_client_/,
    kinds: values,
    sometimes: true,
    reason: 'loops that do the same by other requests',
  },
  {
    metrics: /^scheduler_queue_incoming_pods_total$/,
    kinds: values,
    sometimes: true,
    reason: 'what fits nowhere waits for the cluster to change, at once',
  },
  {
    metrics: /^apiserver_admission_(controller|step)_/,
    kinds: values,
    sometimes: true,
    reason: 'that a namespace is not there yet is found by a plugin there, and by the server itself here',
  },
  {
    metrics: /^apiserver_admission_step_admission_duration_seconds_summary$/,
    kinds: missing,
    reason: 'quantiles made by the server; the histogram beside it is there',
  },
  {
    metrics: /^apiserver_longrunning_requests$/,
    kinds: values,
    reason: 'watches by their old path are watches here, and lists there',
  },
];

export function reasonFor(component: ComponentName, metric: string, kind: Kind): Difference | undefined {
  return meant.find(
    ({ metrics, kinds, in: where }) =>
      metrics.test(metric) && kinds.includes(kind) && (where === undefined || where.includes(component)),
  );
}

/** Where the same requests are meant to be counted otherwise. */
export const meantCounts: readonly { readonly line: RegExp; readonly reason: string }[] = [
  {
    line: /^apiserver_response_sizes\{.*resource="podtemplates".*verb="WATCH"/,
    reason: 'the answer of a watch by its old path has no size there',
  },
  {
    line: /^apiserver_watch_events_total\{.*resource="ingressclasses"/,
    reason: 'a plugin of upstream’s server is a watcher of its own',
  },
];
