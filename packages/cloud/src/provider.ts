/**
 * What a cloud offers a cluster. A provider leaves out what it does not have; the controllers for it then do not run.
 * Every method is idempotent, because its intent may be carried out again by the next active master.
 */
import type { Node, Service } from '@timonier/api';

export interface InstanceMetadata {
  /** `PROVIDER://ID`, unique and stable for the machine's life. */
  readonly providerId: string;
  readonly instanceType: string;
  readonly addresses: readonly { readonly type: string; readonly address: string }[];
  readonly zone?: string;
  readonly region?: string;
}

export interface Instances {
  /** False only when the machine is certainly gone for good: its node is then deleted. */
  exists(node: Node, signal: AbortSignal): Promise<boolean>;
  shutdown(node: Node, signal: AbortSignal): Promise<boolean>;
  metadata(node: Node, signal: AbortSignal): Promise<InstanceMetadata>;
}

export interface LoadBalancers {
  /** Makes or adapts the load balancer of a Service and returns its addresses. */
  ensure(
    service: Service,
    nodes: readonly Node[],
    signal: AbortSignal,
  ): Promise<readonly { readonly ip?: string; readonly hostname?: string }[]>;
  ensureDeleted(service: Service, signal: AbortSignal): Promise<void>;
}

export interface Route {
  readonly node: string;
  readonly podCidr: string;
}

export interface Routes {
  list(signal: AbortSignal): Promise<readonly Route[]>;
  create(route: Route, signal: AbortSignal): Promise<void>;
  delete(route: Route, signal: AbortSignal): Promise<void>;
}

export interface Volumes {
  attach(volume: string, node: Node, signal: AbortSignal): Promise<string>;
  detach(volume: string, node: Node, signal: AbortSignal): Promise<void>;
}

export interface CloudProvider {
  readonly name: string;
  readonly instances?: Instances;
  readonly loadBalancers?: LoadBalancers;
  readonly routes?: Routes;
  readonly volumes?: Volumes;
}
