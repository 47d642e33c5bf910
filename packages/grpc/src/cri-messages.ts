/**
 * The messages of the Container Runtime Interface v1 as types. They mirror `proto/cri/api.proto`: names in camel case,
 * enumerations as their names, 64-bit numbers as `number` (nanosecond times lose their last 256 ns), bytes as
 * `Buffer`. In a decoded message every scalar, list and map is present; a message-typed field is absent when it
 * was not sent. What is sent may leave out anything: see `Draft` in `cri.ts`. Windows' messages are left out.
 */

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

export type MountPropagation =
  | 'PROPAGATION_PRIVATE'
  | 'PROPAGATION_HOST_TO_CONTAINER'
  | 'PROPAGATION_BIDIRECTIONAL';

export type NamespaceMode = 'POD' | 'CONTAINER' | 'NODE' | 'TARGET';

export type SupplementalGroupsPolicy = 'Merge' | 'Strict';

export type PodSandboxState = 'SANDBOX_READY' | 'SANDBOX_NOTREADY';

/** `SIGNAL_SIGTERM` and so on; `SIGNAL_RUNTIME_DEFAULT` leaves the choice to the image. */
export type Signal = `SIGNAL_${string}`;

export type ContainerState =
  | 'CONTAINER_CREATED'
  | 'CONTAINER_RUNNING'
  | 'CONTAINER_EXITED'
  | 'CONTAINER_UNKNOWN';

export type ContainerEventType =
  | 'CONTAINER_CREATED_EVENT'
  | 'CONTAINER_STARTED_EVENT'
  | 'CONTAINER_STOPPED_EVENT'
  | 'CONTAINER_DELETED_EVENT';

export type MetricType = 'COUNTER' | 'GAUGE';

export type CgroupDriver = 'SYSTEMD' | 'CGROUPFS';

export type ProfileType = 'RuntimeDefault' | 'Unconfined' | 'Localhost';

// Answers about the runtime itself.

export interface VersionRequest {
  version: string;
}

export interface VersionResponse {
  version: string;
  runtimeName: string;
  runtimeVersion: string;
  runtimeApiVersion: string;
}

export interface RuntimeCondition {
  type: string;
  status: boolean;
  reason: string;
  message: string;
}

export interface RuntimeStatus {
  conditions: RuntimeCondition[];
}

export interface StatusRequest {
  verbose: boolean;
}

export interface StatusResponse {
  status?: RuntimeStatus;
  info: Record<string, string>;
  runtimeHandlers: RuntimeHandler[];
  features?: RuntimeFeatures;
}

export interface RuntimeHandler {
  name: string;
  features?: RuntimeHandlerFeatures;
}

export interface RuntimeHandlerFeatures {
  recursiveReadOnlyMounts: boolean;
  userNamespaces: boolean;
}

export interface RuntimeFeatures {
  supplementalGroupsPolicy: boolean;
  userNamespacesHostNetwork: boolean;
  mountOptions: boolean;
}

export interface NetworkConfig {
  podCidr: string;
}

export interface RuntimeConfig {
  networkConfig?: NetworkConfig;
}

export interface UpdateRuntimeConfigRequest {
  runtimeConfig?: RuntimeConfig;
}

export type UpdateRuntimeConfigResponse = Record<string, never>;

export type RuntimeConfigRequest = Record<string, never>;

export interface RuntimeConfigResponse {
  linux?: LinuxRuntimeConfiguration;
}

export interface LinuxRuntimeConfiguration {
  cgroupDriver: CgroupDriver;
}

// Values that several messages share. The wrapped numbers exist so that "not set" differs from zero.

export interface Int64Value {
  value: number;
}

export interface UInt64Value {
  value: number;
}

export interface KeyValue {
  key: string;
  value: Buffer;
}

export interface IDMapping {
  hostId: number;
  containerId: number;
  length: number;
}

export interface DNSConfig {
  servers: string[];
  searches: string[];
  options: string[];
}

export interface PortMapping {
  protocol: Protocol;
  containerPort: number;
  hostPort: number;
  hostIp: string;
}

export interface Mount {
  containerPath: string;
  hostPath: string;
  readonly: boolean;
  selinuxRelabel: boolean;
  propagation: MountPropagation;
  uidMappings: IDMapping[];
  gidMappings: IDMapping[];
  recursiveReadOnly: boolean;
  image?: ImageSpec;
  imageSubPath: string;
  mountOptions: string[];
}

export interface Device {
  containerPath: string;
  hostPath: string;
  permissions: string;
}

export interface CDIDevice {
  name: string;
}

export interface UserNamespace {
  mode: NamespaceMode;
  uids: IDMapping[];
  gids: IDMapping[];
}

export interface NamespaceOption {
  network: NamespaceMode;
  pid: NamespaceMode;
  ipc: NamespaceMode;
  targetId: string;
  usernsOptions?: UserNamespace;
}

export interface SecurityProfile {
  profileType: ProfileType;
  localhostRef: string;
}

export interface SELinuxOption {
  user: string;
  role: string;
  type: string;
  level: string;
}

export interface Capability {
  addCapabilities: string[];
  dropCapabilities: string[];
  addAmbientCapabilities: string[];
}

export interface HugepageLimit {
  pageSize: string;
  limit: number;
}

export interface LinuxContainerResources {
  cpuPeriod: number;
  cpuQuota: number;
  cpuShares: number;
  memoryLimitInBytes: number;
  oomScoreAdj: number;
  cpusetCpus: string;
  cpusetMems: string;
  hugepageLimits: HugepageLimit[];
  unified: Record<string, string>;
  memorySwapLimitInBytes: number;
}

export interface FilesystemIdentifier {
  mountpoint: string;
}

export interface FilesystemUsage {
  timestamp: number;
  fsId?: FilesystemIdentifier;
  usedBytes?: UInt64Value;
  inodesUsed?: UInt64Value;
}

// Pod sandboxes.

export interface LinuxSandboxSecurityContext {
  namespaceOptions?: NamespaceOption;
  selinuxOptions?: SELinuxOption;
  runAsUser?: Int64Value;
  runAsGroup?: Int64Value;
  readonlyRootfs: boolean;
  supplementalGroups: number[];
  supplementalGroupsPolicy: SupplementalGroupsPolicy;
  privileged: boolean;
  seccomp?: SecurityProfile;
  apparmor?: SecurityProfile;
  seccompProfilePath: string;
}

export interface LinuxPodSandboxConfig {
  cgroupParent: string;
  securityContext?: LinuxSandboxSecurityContext;
  sysctls: Record<string, string>;
  overhead?: LinuxContainerResources;
  resources?: LinuxContainerResources;
}

export interface PodSandboxMetadata {
  name: string;
  uid: string;
  namespace: string;
  attempt: number;
}

export interface PodSandboxConfig {
  metadata?: PodSandboxMetadata;
  hostname: string;
  logDirectory: string;
  dnsConfig?: DNSConfig;
  portMappings: PortMapping[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  linux?: LinuxPodSandboxConfig;
}

export interface RunPodSandboxRequest {
  config?: PodSandboxConfig;
  runtimeHandler: string;
}

export interface RunPodSandboxResponse {
  podSandboxId: string;
}

export interface StopPodSandboxRequest {
  podSandboxId: string;
}

export type StopPodSandboxResponse = Record<string, never>;

export interface RemovePodSandboxRequest {
  podSandboxId: string;
}

export type RemovePodSandboxResponse = Record<string, never>;

export interface PodSandboxStatusRequest {
  podSandboxId: string;
  verbose: boolean;
}

export interface PodIP {
  ip: string;
}

export interface PodSandboxNetworkStatus {
  ip: string;
  additionalIps: PodIP[];
}

export interface Namespace {
  options?: NamespaceOption;
}

export interface LinuxPodSandboxStatus {
  namespaces?: Namespace;
}

export interface PodSandboxStatus {
  id: string;
  metadata?: PodSandboxMetadata;
  state: PodSandboxState;
  createdAt: number;
  network?: PodSandboxNetworkStatus;
  linux?: LinuxPodSandboxStatus;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  runtimeHandler: string;
}

export interface PodSandboxStatusResponse {
  status?: PodSandboxStatus;
  info: Record<string, string>;
  containersStatuses: ContainerStatus[];
  timestamp: number;
}

export interface PodSandboxStateValue {
  state: PodSandboxState;
}

export interface PodSandboxFilter {
  id: string;
  state?: PodSandboxStateValue;
  labelSelector: Record<string, string>;
}

export interface ListPodSandboxRequest {
  filter?: PodSandboxFilter;
}

export interface PodSandbox {
  id: string;
  metadata?: PodSandboxMetadata;
  state: PodSandboxState;
  createdAt: number;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  runtimeHandler: string;
}

export interface ListPodSandboxResponse {
  items: PodSandbox[];
}

export interface StreamPodSandboxesRequest {
  filter?: PodSandboxFilter;
}

export interface StreamPodSandboxesResponse {
  podSandboxes: PodSandbox[];
}

export interface UpdatePodSandboxResourcesRequest {
  podSandboxId: string;
  overhead?: LinuxContainerResources;
  resources?: LinuxContainerResources;
}

export type UpdatePodSandboxResourcesResponse = Record<string, never>;

// Containers.

export interface ContainerMetadata {
  name: string;
  attempt: number;
}

export interface LinuxContainerSecurityContext {
  capabilities?: Capability;
  privileged: boolean;
  namespaceOptions?: NamespaceOption;
  selinuxOptions?: SELinuxOption;
  runAsUser?: Int64Value;
  runAsGroup?: Int64Value;
  runAsUsername: string;
  readonlyRootfs: boolean;
  supplementalGroups: number[];
  supplementalGroupsPolicy: SupplementalGroupsPolicy;
  noNewPrivs: boolean;
  maskedPaths: string[];
  readonlyPaths: string[];
  seccomp?: SecurityProfile;
  apparmor?: SecurityProfile;
  apparmorProfile: string;
  seccompProfilePath: string;
}

export interface LinuxContainerConfig {
  resources?: LinuxContainerResources;
  securityContext?: LinuxContainerSecurityContext;
}

export interface LinuxContainerUser {
  uid: number;
  gid: number;
  supplementalGroups: number[];
}

export interface ContainerConfig {
  metadata?: ContainerMetadata;
  image?: ImageSpec;
  command: string[];
  args: string[];
  workingDir: string;
  envs: KeyValue[];
  mounts: Mount[];
  devices: Device[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  logPath: string;
  stdin: boolean;
  stdinOnce: boolean;
  tty: boolean;
  linux?: LinuxContainerConfig;
  CDIDevices: CDIDevice[];
  stopSignal: Signal;
}

export interface CreateContainerRequest {
  podSandboxId: string;
  config?: ContainerConfig;
  sandboxConfig?: PodSandboxConfig;
}

export interface CreateContainerResponse {
  containerId: string;
}

export interface StartContainerRequest {
  containerId: string;
}

export type StartContainerResponse = Record<string, never>;

export interface StopContainerRequest {
  containerId: string;
  timeout: number;
}

export type StopContainerResponse = Record<string, never>;

export interface RemoveContainerRequest {
  containerId: string;
}

export type RemoveContainerResponse = Record<string, never>;

export interface ContainerStateValue {
  state: ContainerState;
}

export interface ContainerFilter {
  id: string;
  state?: ContainerStateValue;
  podSandboxId: string;
  labelSelector: Record<string, string>;
}

export interface ListContainersRequest {
  filter?: ContainerFilter;
}

export interface Container {
  id: string;
  podSandboxId: string;
  metadata?: ContainerMetadata;
  image?: ImageSpec;
  imageRef: string;
  state: ContainerState;
  createdAt: number;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  imageId: string;
}

export interface ListContainersResponse {
  containers: Container[];
}

export interface StreamContainersRequest {
  filter?: ContainerFilter;
}

export interface StreamContainersResponse {
  containers: Container[];
}

export interface ContainerStatusRequest {
  containerId: string;
  verbose: boolean;
}

export interface ContainerStatus {
  id: string;
  metadata?: ContainerMetadata;
  state: ContainerState;
  createdAt: number;
  startedAt: number;
  finishedAt: number;
  exitCode: number;
  image?: ImageSpec;
  imageRef: string;
  reason: string;
  message: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  mounts: Mount[];
  logPath: string;
  resources?: ContainerResources;
  imageId: string;
  user?: ContainerUser;
  stopSignal: Signal;
}

export interface ContainerStatusResponse {
  status?: ContainerStatus;
  info: Record<string, string>;
}

export interface ContainerResources {
  linux?: LinuxContainerResources;
}

export interface ContainerUser {
  linux?: LinuxContainerUser;
}

export interface UpdateContainerResourcesRequest {
  containerId: string;
  linux?: LinuxContainerResources;
  annotations: Record<string, string>;
}

export type UpdateContainerResourcesResponse = Record<string, never>;

export interface ReopenContainerLogRequest {
  containerId: string;
}

export type ReopenContainerLogResponse = Record<string, never>;

export type GetEventsRequest = Record<string, never>;

export interface ContainerEventResponse {
  containerId: string;
  containerEventType: ContainerEventType;
  createdAt: number;
  podSandboxStatus?: PodSandboxStatus;
  containersStatuses: ContainerStatus[];
}

// Running commands in containers, and reaching their standard streams and ports.

export interface ExecSyncRequest {
  containerId: string;
  cmd: string[];
  timeout: number;
}

export interface ExecSyncResponse {
  stdout: Buffer;
  stderr: Buffer;
  exitCode: number;
}

export interface ExecRequest {
  containerId: string;
  cmd: string[];
  tty: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
}

export interface ExecResponse {
  url: string;
}

export interface AttachRequest {
  containerId: string;
  stdin: boolean;
  tty: boolean;
  stdout: boolean;
  stderr: boolean;
}

export interface AttachResponse {
  url: string;
}

export interface PortForwardRequest {
  podSandboxId: string;
  port: number[];
}

export interface PortForwardResponse {
  url: string;
}

// Images.

export interface ImageSpec {
  image: string;
  annotations: Record<string, string>;
  userSpecifiedImage: string;
  runtimeHandler: string;
  imageRef: string;
}

export interface ImageFilter {
  image?: ImageSpec;
}

export interface ListImagesRequest {
  filter?: ImageFilter;
}

export interface Image {
  id: string;
  repoTags: string[];
  repoDigests: string[];
  size: number;
  uid?: Int64Value;
  username: string;
  spec?: ImageSpec;
  pinned: boolean;
}

export interface ListImagesResponse {
  images: Image[];
}

export interface StreamImagesRequest {
  filter?: ImageFilter;
}

export interface StreamImagesResponse {
  images: Image[];
}

export interface ImageStatusRequest {
  image?: ImageSpec;
  verbose: boolean;
}

export interface ImageStatusResponse {
  image?: Image;
  info: Record<string, string>;
}

export interface AuthConfig {
  username: string;
  password: string;
  auth: string;
  serverAddress: string;
  identityToken: string;
  registryToken: string;
}

export interface PullImageRequest {
  image?: ImageSpec;
  auth?: AuthConfig;
  sandboxConfig?: PodSandboxConfig;
}

export interface PullImageResponse {
  imageRef: string;
}

export interface RemoveImageRequest {
  image?: ImageSpec;
}

export type RemoveImageResponse = Record<string, never>;

export type ImageFsInfoRequest = Record<string, never>;

export interface ImageFsInfoResponse {
  imageFilesystems: FilesystemUsage[];
  containerFilesystems: FilesystemUsage[];
}

// Resource usage.

export interface PodSandboxStatsRequest {
  podSandboxId: string;
}

export interface PodSandboxStatsResponse {
  stats?: PodSandboxStats;
}

export interface PodSandboxStatsFilter {
  id: string;
  labelSelector: Record<string, string>;
}

export interface ListPodSandboxStatsRequest {
  filter?: PodSandboxStatsFilter;
}

export interface ListPodSandboxStatsResponse {
  stats: PodSandboxStats[];
}

export interface StreamPodSandboxStatsRequest {
  filter?: PodSandboxStatsFilter;
}

export interface StreamPodSandboxStatsResponse {
  podSandboxStats: PodSandboxStats[];
}

export interface PodSandboxAttributes {
  id: string;
  metadata?: PodSandboxMetadata;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface PodSandboxStats {
  attributes?: PodSandboxAttributes;
  linux?: LinuxPodSandboxStats;
}

export interface LinuxPodSandboxStats {
  cpu?: CpuUsage;
  memory?: MemoryUsage;
  network?: NetworkUsage;
  process?: ProcessUsage;
  containers: ContainerStats[];
  io?: IoUsage;
}

export interface NetworkUsage {
  timestamp: number;
  defaultInterface?: NetworkInterfaceUsage;
  interfaces: NetworkInterfaceUsage[];
}

export interface NetworkInterfaceUsage {
  name: string;
  rxBytes?: UInt64Value;
  rxErrors?: UInt64Value;
  txBytes?: UInt64Value;
  txErrors?: UInt64Value;
}

export interface ProcessUsage {
  timestamp: number;
  processCount?: UInt64Value;
}

export interface ContainerStatsRequest {
  containerId: string;
}

export interface ContainerStatsResponse {
  stats?: ContainerStats;
}

export interface ListContainerStatsRequest {
  filter?: ContainerStatsFilter;
}

export interface ContainerStatsFilter {
  id: string;
  podSandboxId: string;
  labelSelector: Record<string, string>;
}

export interface ListContainerStatsResponse {
  stats: ContainerStats[];
}

export interface StreamContainerStatsRequest {
  filter?: ContainerStatsFilter;
}

export interface StreamContainerStatsResponse {
  containerStats: ContainerStats[];
}

export interface ContainerAttributes {
  id: string;
  metadata?: ContainerMetadata;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface ContainerStats {
  attributes?: ContainerAttributes;
  cpu?: CpuUsage;
  memory?: MemoryUsage;
  writableLayer?: FilesystemUsage;
  swap?: SwapUsage;
  io?: IoUsage;
}

export interface PsiStats {
  Full?: PsiData;
  Some?: PsiData;
}

export interface PsiData {
  Total: number;
  Avg10: number;
  Avg60: number;
  Avg300: number;
}

export interface CpuUsage {
  timestamp: number;
  usageCoreNanoSeconds?: UInt64Value;
  usageNanoCores?: UInt64Value;
  psi?: PsiStats;
}

export interface MemoryUsage {
  timestamp: number;
  workingSetBytes?: UInt64Value;
  availableBytes?: UInt64Value;
  usageBytes?: UInt64Value;
  rssBytes?: UInt64Value;
  pageFaults?: UInt64Value;
  majorPageFaults?: UInt64Value;
  psi?: PsiStats;
}

export interface IoUsage {
  timestamp: number;
  psi?: PsiStats;
}

export interface SwapUsage {
  timestamp: number;
  swapAvailableBytes?: UInt64Value;
  swapUsageBytes?: UInt64Value;
}

// Checkpoints.

export interface CheckpointContainerRequest {
  containerId: string;
  location: string;
  timeout: number;
}

export type CheckpointContainerResponse = Record<string, never>;

export interface CheckpointPodRequest {
  podSandboxId: string;
  outputPath: string;
  containerIds: string[];
  options: Record<string, string>;
}

export type CheckpointPodResponse = Record<string, never>;

export interface RestorePodRequest {
  checkpointPath: string;
  config?: PodSandboxConfig;
  runtimeHandler: string;
  options: Record<string, string>;
  containerConfigs: ContainerConfig[];
}

export interface RestoredContainer {
  name: string;
  containerId: string;
}

export interface RestorePodResponse {
  podSandboxId: string;
  restoredContainers: RestoredContainer[];
}

// Metrics in the form of a scrape.

export type ListMetricDescriptorsRequest = Record<string, never>;

export interface ListMetricDescriptorsResponse {
  descriptors: MetricDescriptor[];
}

export interface MetricDescriptor {
  name: string;
  help: string;
  labelKeys: string[];
}

export type ListPodSandboxMetricsRequest = Record<string, never>;

export interface ListPodSandboxMetricsResponse {
  podMetrics: PodSandboxMetrics[];
}

export type StreamPodSandboxMetricsRequest = Record<string, never>;

export interface StreamPodSandboxMetricsResponse {
  podSandboxMetrics: PodSandboxMetrics[];
}

export interface PodSandboxMetrics {
  podSandboxId: string;
  metrics: Metric[];
  containerMetrics: ContainerMetrics[];
}

export interface ContainerMetrics {
  containerId: string;
  metrics: Metric[];
}

export interface Metric {
  name: string;
  timestamp: number;
  metricType: MetricType;
  labelValues: string[];
  value?: UInt64Value;
}
