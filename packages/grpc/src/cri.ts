/**
 * The Container Runtime Interface v1 as typed TypeScript: the client a kubelet talks through, and the server half a
 * runtime fills in. Both stand on `proto/cri/api.proto`, so either side may be somebody else's.
 *
 * In: plain objects that leave out what they do not set (`Draft`). Out: decoded messages as `cri-messages.ts`
 * describes them. Errors are `CriError` with a gRPC code on both sides. Unary calls carry a deadline and a
 * cancellation to the handler as an `AbortSignal`.
 */
import type * as M from './cri-messages.ts';
import { openService, type ServiceHandlers, type ServiceClient, defineService } from './typed-service.ts';

export type * from './cri-messages.ts';
export type { CallOptions } from './caller.ts';
export { GrpcError as CriError, Status as criStatus } from './error.ts';
export {
  addService,
  defineService,
  openService as connectService,
  type Draft,
  type HandlerContext,
  type ServiceClient,
  type ServiceHandlers,
} from './typed-service.ts';

interface Unary<Q, R> {
  readonly request: Q;
  readonly response: R;
  readonly streams: false;
}
interface Streaming<Q, R> {
  readonly request: Q;
  readonly response: R;
  readonly streams: true;
}

export interface RuntimeServiceMethods {
  Version: Unary<M.VersionRequest, M.VersionResponse>;
  RunPodSandbox: Unary<M.RunPodSandboxRequest, M.RunPodSandboxResponse>;
  StopPodSandbox: Unary<M.StopPodSandboxRequest, M.StopPodSandboxResponse>;
  RemovePodSandbox: Unary<M.RemovePodSandboxRequest, M.RemovePodSandboxResponse>;
  PodSandboxStatus: Unary<M.PodSandboxStatusRequest, M.PodSandboxStatusResponse>;
  ListPodSandbox: Unary<M.ListPodSandboxRequest, M.ListPodSandboxResponse>;
  StreamPodSandboxes: Streaming<M.StreamPodSandboxesRequest, M.StreamPodSandboxesResponse>;
  CreateContainer: Unary<M.CreateContainerRequest, M.CreateContainerResponse>;
  StartContainer: Unary<M.StartContainerRequest, M.StartContainerResponse>;
  StopContainer: Unary<M.StopContainerRequest, M.StopContainerResponse>;
  RemoveContainer: Unary<M.RemoveContainerRequest, M.RemoveContainerResponse>;
  ListContainers: Unary<M.ListContainersRequest, M.ListContainersResponse>;
  StreamContainers: Streaming<M.StreamContainersRequest, M.StreamContainersResponse>;
  ContainerStatus: Unary<M.ContainerStatusRequest, M.ContainerStatusResponse>;
  UpdateContainerResources: Unary<M.UpdateContainerResourcesRequest, M.UpdateContainerResourcesResponse>;
  ReopenContainerLog: Unary<M.ReopenContainerLogRequest, M.ReopenContainerLogResponse>;
  ExecSync: Unary<M.ExecSyncRequest, M.ExecSyncResponse>;
  Exec: Unary<M.ExecRequest, M.ExecResponse>;
  Attach: Unary<M.AttachRequest, M.AttachResponse>;
  PortForward: Unary<M.PortForwardRequest, M.PortForwardResponse>;
  ContainerStats: Unary<M.ContainerStatsRequest, M.ContainerStatsResponse>;
  ListContainerStats: Unary<M.ListContainerStatsRequest, M.ListContainerStatsResponse>;
  StreamContainerStats: Streaming<M.StreamContainerStatsRequest, M.StreamContainerStatsResponse>;
  PodSandboxStats: Unary<M.PodSandboxStatsRequest, M.PodSandboxStatsResponse>;
  ListPodSandboxStats: Unary<M.ListPodSandboxStatsRequest, M.ListPodSandboxStatsResponse>;
  StreamPodSandboxStats: Streaming<M.StreamPodSandboxStatsRequest, M.StreamPodSandboxStatsResponse>;
  UpdateRuntimeConfig: Unary<M.UpdateRuntimeConfigRequest, M.UpdateRuntimeConfigResponse>;
  Status: Unary<M.StatusRequest, M.StatusResponse>;
  CheckpointContainer: Unary<M.CheckpointContainerRequest, M.CheckpointContainerResponse>;
  CheckpointPod: Unary<M.CheckpointPodRequest, M.CheckpointPodResponse>;
  RestorePod: Unary<M.RestorePodRequest, M.RestorePodResponse>;
  GetContainerEvents: Streaming<M.GetEventsRequest, M.ContainerEventResponse>;
  ListMetricDescriptors: Unary<M.ListMetricDescriptorsRequest, M.ListMetricDescriptorsResponse>;
  ListPodSandboxMetrics: Unary<M.ListPodSandboxMetricsRequest, M.ListPodSandboxMetricsResponse>;
  StreamPodSandboxMetrics: Streaming<M.StreamPodSandboxMetricsRequest, M.StreamPodSandboxMetricsResponse>;
  RuntimeConfig: Unary<M.RuntimeConfigRequest, M.RuntimeConfigResponse>;
  UpdatePodSandboxResources: Unary<M.UpdatePodSandboxResourcesRequest, M.UpdatePodSandboxResourcesResponse>;
}

export interface ImageServiceMethods {
  ListImages: Unary<M.ListImagesRequest, M.ListImagesResponse>;
  StreamImages: Streaming<M.StreamImagesRequest, M.StreamImagesResponse>;
  ImageStatus: Unary<M.ImageStatusRequest, M.ImageStatusResponse>;
  PullImage: Unary<M.PullImageRequest, M.PullImageResponse>;
  RemoveImage: Unary<M.RemoveImageRequest, M.RemoveImageResponse>;
  ImageFsInfo: Unary<M.ImageFsInfoRequest, M.ImageFsInfoResponse>;
}
export type RuntimeServiceClient = ServiceClient<RuntimeServiceMethods>;
export type ImageServiceClient = ServiceClient<ImageServiceMethods>;
export type RuntimeServiceHandlers = ServiceHandlers<RuntimeServiceMethods>;
export type ImageServiceHandlers = ServiceHandlers<ImageServiceMethods>;

export const criRuntimeService = defineService<RuntimeServiceMethods>(
  'cri/api.proto',
  'runtime.v1.RuntimeService',
);
export const criImageService = defineService<ImageServiceMethods>('cri/api.proto', 'runtime.v1.ImageService');

export interface CriClient {
  readonly runtime: RuntimeServiceClient;
  readonly images: ImageServiceClient;
  close(): void;
}

/**
 * Connects to a CRI runtime at `endpoint`, such as `unix:///run/timonier/cri.sock`. The connection is made with the
 * first call and made again after it broke; a call waits for neither longer than its deadline.
 */
export function connectCri(endpoint: string): CriClient {
  const runtime = openService(criRuntimeService, endpoint);
  const images = openService(criImageService, endpoint);
  return {
    runtime: runtime.call,
    images: images.call,
    close: () => {
      runtime.close();
      images.close();
    },
  };
}
