/** What well-known dashboards and alerts ask for and we do not have, each with its reason; docs/metrics.md repeats them. */
export const absent: Readonly<Record<string, string>> = {
  go_goroutines:
    "Go's runtime; nodejs_active_resources_total and nodejs_eventloop_lag_* tell how busy a process is",
  scheduler_volume_scheduling_duration_seconds:
    'removed upstream as well; volumes are looked at among the filters',
  kubelet_node_config_error:
    'removed upstream as well: configuration is flags, and wrong ones end the process',
  kubelet_cgroup_manager_duration_seconds: 'the container runtime makes the cgroups',
  kubelet_evictions: 'the kubelet does not evict',
  kubelet_certificate_manager_client_ttl_seconds:
    'certificates come from the cluster and are not rotated by kubelets',
  kubelet_certificate_manager_server_ttl_seconds: 'the same',
  kubelet_certificate_manager_client_expiration_renew_errors: 'the same',
  kubelet_server_expiration_renew_errors: 'the same',
  volume_manager_total_volumes: 'the kubelet has no volume plugins: what it mounts are folders',
  storage_operation_duration_seconds: 'the same',
  storage_operation_errors_total: 'the same',
  kubelet_volume_stats_available_bytes: 'the same',
  kubelet_volume_stats_capacity_bytes: 'the same',
  kubelet_volume_stats_inodes: 'the same',
  kubelet_volume_stats_inodes_free: 'the same',
  kubelet_volume_stats_inodes_used: 'the same',
  kubelet_volume_stats_used_bytes: 'the same',
  container_cpu_cfs_periods_total: 'CRI has no statistics of throttling',
  container_cpu_cfs_throttled_periods_total: 'CRI has no statistics of throttling',
  container_fs_reads_bytes_total: 'CRI has no statistics of block devices',
  container_fs_reads_total: 'CRI has no statistics of block devices',
  container_fs_writes_bytes_total: 'CRI has no statistics of block devices',
  container_fs_writes_total: 'CRI has no statistics of block devices',
  container_memory_cache: 'CRI has no statistics of page caches',
  container_memory_swap: 'containers have no swap',
  container_network_receive_packets_total: 'CRI counts bytes and errors, not packets',
  container_network_receive_packets_dropped_total: 'CRI counts bytes and errors, not packets',
  container_network_transmit_packets_total: 'CRI counts bytes and errors, not packets',
  container_network_transmit_packets_dropped_total: 'CRI counts bytes and errors, not packets',
  kubeproxy_network_programming_duration_seconds: 'endpoints carry no time of their change here',
};
