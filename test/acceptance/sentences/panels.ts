/**
 * Expressions of the kind that well-known dashboards and alerts have, for a whole running cluster: each finds something,
 * under the `job` and `instance` that `timonier up` gives its targets.
 */
export const panels: readonly string[] = [
  // kubernetes-mixin: the API server.
  'sum by (code) (rate(apiserver_request_total{job="kube-apiserver"}[1m]))',
  'sum by (verb) (rate(apiserver_request_total{job="kube-apiserver",verb=~"POST|PUT|PATCH|DELETE",code=~"2.."}[1m])) > 0',
  'histogram_quantile(0.99, sum by (le, resource) (rate(apiserver_request_sli_duration_seconds_bucket{job="kube-apiserver",verb=~"LIST|GET",subresource!~"proxy|attach|log|exec|portforward"}[1m])))',
  'sum(rate(apiserver_request_sli_duration_seconds_count{job="kube-apiserver",verb=~"LIST|GET"}[1m])) - sum(rate(apiserver_request_sli_duration_seconds_bucket{job="kube-apiserver",verb=~"LIST|GET",scope=~"resource|",le=~"1|1.0"}[1m]))',
  'sum by (request_kind) (apiserver_current_inflight_requests{job="kube-apiserver"})',
  'histogram_quantile(0.01, sum by (job, le) (rate(apiserver_client_certificate_expiration_seconds_bucket{job="kube-apiserver"}[1m])))',
  'max by (name) (aggregator_unavailable_apiservice{job="kube-apiserver"})',
  // The loops.
  'sum by (instance) (rate(scheduler_schedule_attempts_total{job="kube-scheduler"}[1m]))',
  'sum by (instance, name) (rate(workqueue_adds_total{job="kube-controller-manager"}[1m]))',
  'sum by (instance, code) (rate(rest_client_requests_total{job="kube-controller-manager"}[1m]))',
  'max(leader_election_master_status{job="kube-scheduler"}) == 1',
  // Nodes, and what runs there.
  'sum by (node) (kubelet_running_pods{job="kubelet"} * on (instance) group_left(node) kubelet_node_name{job="kubelet"})',
  'histogram_quantile(0.99, sum by (instance, le) (rate(kubelet_pleg_relist_duration_seconds_bucket{job="kubelet"}[1m])))',
  'sum by (namespace, pod, container) (rate(container_cpu_usage_seconds_total{job="cadvisor",image!=""}[1m]))',
  'sum by (namespace, pod) (container_memory_working_set_bytes{job="cadvisor",container!="",image!=""})',
  'sum by (instance, le) (rate(kubeproxy_sync_proxy_rules_duration_seconds_bucket{job="kube-proxy"}[5m]))',
  'count(count by (git_version) (kubernetes_build_info)) == 1',
];

/** With a store of our own: etcd's mixin. */
export const storePanels: readonly string[] = [
  'sum(etcd_server_has_leader{job=~".*etcd.*"})',
  'sum(rate(grpc_server_started_total{job=~".*etcd.*",grpc_type="unary"}[1m]))',
  'histogram_quantile(0.99, sum by (instance, le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket{job=~".*etcd.*"}[1m])))',
  'histogram_quantile(0.99, rate(etcd_network_peer_round_trip_time_seconds_bucket{job=~".*etcd.*"}[1m])) > 0',
  'sum by (instance) (rate(etcd_network_peer_sent_bytes_total{job=~".*etcd.*"}[1m]))',
  'etcd_mvcc_db_total_size_in_bytes{job=~".*etcd.*"} / etcd_server_quota_backend_bytes{job=~".*etcd.*"}',
];
