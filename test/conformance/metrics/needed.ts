/**
 * What well-known dashboards, alerts and recording rules ask for: names and labels, by the component that has them. From
 * the expressions of kubernetes-mixin (which kube-prometheus brings along, with its API server, scheduler, controller
 * manager, kubelet, proxy and resource dashboards), of etcd's mixin, and what is known of Grafana's dashboards 12006
 * (API server) and 3070 (etcd). What has no meaning here stands in `absent.ts`.
 */
import type { ComponentName } from './world.ts';

export interface Needed {
  readonly metric: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** That expressions select or group by. */
  readonly labels?: readonly string[];
  /** Upper bounds of buckets that expressions name. */
  readonly bounds?: readonly number[];
  /** There is nothing to tell until something has gone wrong, as upstream. */
  readonly mayBeEmpty?: true;
}

const counter = (metric: string, ...labels: string[]): Needed => ({ metric, type: 'counter', labels });
const gauge = (metric: string, ...labels: string[]): Needed => ({ metric, type: 'gauge', labels });
const histogram = (metric: string, ...labels: string[]): Needed => ({ metric, type: 'histogram', labels });

const ofProcesses: readonly Needed[] = [
  gauge('process_resident_memory_bytes'),
  counter('process_cpu_seconds_total'),
  gauge('process_start_time_seconds'),
  gauge('process_open_fds'),
  gauge('process_max_fds'),
  gauge('process_virtual_memory_bytes'),
];

const ofKubernetes: readonly Needed[] = [...ofProcesses, gauge('kubernetes_build_info', 'git_version')];

const ofClients: readonly Needed[] = [
  counter('rest_client_requests_total', 'code', 'method', 'host'),
  histogram('rest_client_request_duration_seconds', 'verb', 'host'),
];

const ofQueues: readonly Needed[] = [
  counter('workqueue_adds_total', 'name'),
  gauge('workqueue_depth', 'name'),
  histogram('workqueue_queue_duration_seconds', 'name'),
  histogram('workqueue_work_duration_seconds', 'name'),
  counter('workqueue_retries_total', 'name'),
  gauge('workqueue_unfinished_work_seconds', 'name'),
  gauge('workqueue_longest_running_processor_seconds', 'name'),
];

/** Burn rates take the share of requests below these. */
const objectives = [1, 5, 30];

export const needed: Readonly<Record<ComponentName, readonly Needed[]>> = {
  apiserver: [
    ...ofKubernetes,
    counter(
      'apiserver_request_total',
      'verb',
      'code',
      'resource',
      'group',
      'version',
      'scope',
      'subresource',
      'component',
    ),
    {
      ...histogram('apiserver_request_sli_duration_seconds', 'verb', 'resource', 'scope', 'subresource'),
      bounds: [...objectives, 0.1, 0.5 + 0.1],
    },
    {
      ...histogram('apiserver_request_slo_duration_seconds', 'verb', 'scope', 'subresource'),
      bounds: objectives,
    },
    {
      ...histogram(
        'apiserver_request_duration_seconds',
        'verb',
        'resource',
        'scope',
        'subresource',
        'dry_run',
      ),
      bounds: objectives,
    },
    { ...counter('apiserver_request_terminations_total', 'component', 'code'), mayBeEmpty: true },
    gauge('apiserver_current_inflight_requests', 'request_kind'),
    gauge('apiserver_longrunning_requests', 'verb', 'resource', 'scope', 'component'),
    histogram('apiserver_response_sizes', 'verb', 'resource'),
    counter('apiserver_watch_events_total', 'group', 'version', 'resource'),
    histogram('apiserver_watch_events_sizes', 'group', 'version', 'resource'),
    histogram('apiserver_client_certificate_expiration_seconds'),
    gauge('aggregator_unavailable_apiservice', 'name'),
    { ...counter('aggregator_unavailable_apiservice_total', 'name', 'reason'), mayBeEmpty: true },
    histogram('etcd_request_duration_seconds', 'operation', 'group', 'resource'),
    gauge('apiserver_storage_objects', 'resource'),
    gauge('apiserver_resource_objects', 'group', 'resource'),
    histogram(
      'apiserver_admission_controller_admission_duration_seconds',
      'name',
      'operation',
      'type',
      'rejected',
    ),
    histogram('apiserver_admission_step_admission_duration_seconds', 'operation', 'type', 'rejected'),
    {
      ...histogram(
        'apiserver_admission_webhook_admission_duration_seconds',
        'name',
        'operation',
        'type',
        'rejected',
      ),
      mayBeEmpty: true,
    },
    { ...counter('apiserver_admission_webhook_rejection_count', 'name', 'error_type'), mayBeEmpty: true },
    counter('apiserver_flowcontrol_dispatched_requests_total', 'flow_schema', 'priority_level'),
    {
      ...counter('apiserver_flowcontrol_rejected_requests_total', 'flow_schema', 'reason'),
      mayBeEmpty: true,
    },
    gauge('apiserver_flowcontrol_current_inqueue_requests', 'flow_schema', 'priority_level'),
    gauge('apiserver_flowcontrol_current_executing_requests', 'flow_schema', 'priority_level'),
    gauge('apiserver_flowcontrol_request_concurrency_limit', 'priority_level'),
    gauge('apiserver_flowcontrol_nominal_limit_seats', 'priority_level'),
    histogram(
      'apiserver_flowcontrol_request_wait_duration_seconds',
      'flow_schema',
      'priority_level',
      'execute',
    ),
    histogram('apiserver_flowcontrol_request_execution_seconds', 'flow_schema', 'priority_level', 'type'),
    counter('authentication_attempts', 'result'),
    counter('authenticated_user_requests', 'username'),
    counter('authorization_attempts_total', 'result'),
  ],
  scheduler: [
    ...ofKubernetes,
    ...ofClients,
    counter('scheduler_schedule_attempts_total', 'result', 'profile'),
    histogram('scheduler_scheduling_attempt_duration_seconds', 'result', 'profile'),
    histogram('scheduler_scheduling_algorithm_duration_seconds'),
    histogram('scheduler_pod_scheduling_sli_duration_seconds', 'attempts'),
    histogram('scheduler_pod_scheduling_attempts'),
    histogram('scheduler_framework_extension_point_duration_seconds', 'extension_point', 'status', 'profile'),
    gauge('scheduler_pending_pods', 'queue'),
    counter('scheduler_queue_incoming_pods_total', 'queue', 'event'),
    gauge('scheduler_cache_size', 'type'),
    gauge('leader_election_master_status', 'name'),
  ],
  'controller-manager': [
    ...ofKubernetes,
    ...ofClients,
    ...ofQueues,
    gauge('leader_election_master_status', 'name'),
  ],
  store: [
    ...ofProcesses,
    gauge('etcd_server_has_leader'),
    counter('etcd_server_leader_changes_seen_total'),
    counter('etcd_server_proposals_failed_total'),
    gauge('etcd_server_proposals_pending'),
    gauge('etcd_server_proposals_committed_total'),
    gauge('etcd_server_proposals_applied_total'),
    counter('grpc_server_started_total', 'grpc_type', 'grpc_service', 'grpc_method'),
    counter('grpc_server_handled_total', 'grpc_type', 'grpc_service', 'grpc_method', 'grpc_code'),
    histogram('grpc_server_handling_seconds', 'grpc_type', 'grpc_service', 'grpc_method'),
    histogram('etcd_disk_wal_fsync_duration_seconds'),
    histogram('etcd_disk_backend_commit_duration_seconds'),
    gauge('etcd_mvcc_db_total_size_in_bytes'),
    gauge('etcd_mvcc_db_total_size_in_use_in_bytes'),
    gauge('etcd_debugging_mvcc_db_total_size_in_bytes'),
    gauge('etcd_server_quota_backend_bytes'),
    counter('etcd_network_client_grpc_received_bytes_total'),
    counter('etcd_network_client_grpc_sent_bytes_total'),
    // Of members with others; one alone has nothing to tell.
    { ...counter('etcd_network_peer_sent_bytes_total', 'To'), mayBeEmpty: true },
    { ...counter('etcd_network_peer_received_bytes_total', 'From'), mayBeEmpty: true },
    { ...counter('etcd_network_peer_sent_failures_total', 'To'), mayBeEmpty: true },
    { ...histogram('etcd_network_peer_round_trip_time_seconds', 'To'), mayBeEmpty: true },
    { ...counter('etcd_network_disconnected_peers_total', 'Local', 'Remote'), mayBeEmpty: true },
    gauge('etcd_network_known_peers', 'Local', 'Remote'),
    gauge('etcd_server_is_leader'),
    gauge('etcd_server_id', 'server_id'),
    gauge('etcd_server_version', 'server_version'),
    gauge('etcd_debugging_mvcc_keys_total'),
    counter('etcd_mvcc_put_total'),
    gauge('os_fd_used'),
    gauge('os_fd_limit'),
  ],
};

/** Of nodes, whose kubelets run in tests of their own. With an API server they have what clients have, too. */
export const neededOfKubelets: readonly Needed[] = [
  ...ofKubernetes,
  gauge('kubelet_node_name', 'node'),
  gauge('kubelet_running_pods'),
  gauge('kubelet_running_containers', 'container_state'),
  counter('kubelet_runtime_operations_total', 'operation_type'),
  { ...counter('kubelet_runtime_operations_errors_total', 'operation_type'), mayBeEmpty: true },
  histogram('kubelet_runtime_operations_duration_seconds', 'operation_type'),
  histogram('kubelet_pod_start_duration_seconds'),
  histogram('kubelet_pod_worker_duration_seconds', 'operation_type'),
  histogram('kubelet_pleg_relist_duration_seconds'),
  histogram('kubelet_pleg_relist_interval_seconds'),
];

/** At `/metrics/cadvisor`. */
export const neededOfContainers: readonly Needed[] = [
  gauge('machine_cpu_cores', 'machine_id'),
  gauge('machine_memory_bytes', 'machine_id'),
  counter('container_cpu_usage_seconds_total', 'container', 'image', 'namespace', 'pod', 'name', 'id'),
  gauge('container_memory_working_set_bytes', 'container', 'image', 'namespace', 'pod'),
  gauge('container_memory_usage_bytes', 'container', 'image', 'namespace', 'pod'),
  gauge('container_memory_rss', 'container', 'image', 'namespace', 'pod'),
  { ...counter('container_network_receive_bytes_total', 'interface', 'namespace', 'pod'), mayBeEmpty: true },
  { ...counter('container_network_transmit_bytes_total', 'interface', 'namespace', 'pod'), mayBeEmpty: true },
];
