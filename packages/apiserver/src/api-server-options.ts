/** What an API server is built from, in place of flags, files and the environment. */
import type { Exposition, Health } from '@timonier/component';
import type { Office } from '@timonier/client/office';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Registry as MetricsRegistry } from 'prom-client';
import type { AdmissionPlugin } from './admission/request.ts';
import type { AllocationOptions } from './allocation/allocations.ts';
import type { AuthenticationOptions } from './authentication/options.ts';
import type { AuthorizationOptions } from './authorization/start.ts';
import type { AuthenticationConfig } from './aggregation/authentication-config.ts';
import type { ProxyTls } from './aggregation/remote.ts';
import type { OpenSink } from './audit/counted-sink.ts';
import type { AuditOptions } from './audit/start.ts';
import type { EncryptionFile } from './encryption/configuration-file.ts';
import type { Appointment } from './duty.ts';
import type { DebugOptions } from './debug/pages.ts';
import type { Failpoints } from './failpoints.ts';
import type { PortName } from './http/front.ts';
import type { ServerTls } from './http/tls-server.ts';
import type { NodeProxyTls } from './node-proxy/node-proxy.ts';
import type { StoreClientOptions } from './storage/store-client.ts';
import type { TokenSigner } from './tokens/service-account-tokens.ts';

export interface ApiServerOptions {
  readonly store: StoreClientOptions;
  /** `/registry/` */
  readonly root: string;
  readonly tls: ServerTls;
  readonly kubeletTls: NodeProxyTls;
  /** Absent: secondary API servers cannot know this one. */
  readonly proxyTls?: ProxyTls | undefined;
  /** What secondary API servers are told of this one. */
  readonly authenticationConfig?: AuthenticationConfig | undefined;
  readonly office: Office | undefined;
  /** Undefined: tokens of ServiceAccounts are neither issued nor accepted. */
  readonly tokenSigner: TokenSigner | undefined;
  /** Absent: bearer tokens are those of ServiceAccounts only. */
  readonly authentication?: AuthenticationOptions | undefined;
  /** Absent: Node and RBAC. */
  readonly authorization?: AuthorizationOptions | undefined;
  readonly allocation: AllocationOptions;
  /** In the order in which they run. */
  readonly admissionPlugins: readonly AdmissionPlugin[];
  readonly masters: readonly { readonly name: string; readonly address: string }[];
  readonly advertiseAddress: string;
  readonly bindAddress: string;
  readonly securePort: number;
  /** Undefined: no other masters. */
  readonly internalPort: number | undefined;
  readonly privateSocket: string;
  readonly failpoints: Failpoints;
  readonly limits: RequestLimits;
  /** Undefined: no request is recorded. */
  readonly audit?: AuditOptions | undefined;
  /** Undefined: nothing is encrypted in the store. */
  readonly encryption?: EncryptionFile | undefined;
  /** How often old history is forgotten; 0 leaves that to the store. */
  readonly compactionIntervalMs: number;
  /** Absent: no more than what priority and fairness does. */
  readonly debug?: DebugOptions | undefined;
  readonly log: Logger;
  readonly metrics: MetricsRegistry;
  readonly health: Health;
  /** Present where this is one of several processes on a master, which share what a process alone has for itself. */
  readonly shared?: SharedParts | undefined;
}

/** What one of several processes gets from the one that holds them together. */
export interface SharedParts {
  /** How many there are: together they let in as many requests as one alone. */
  readonly processes: number;
  readonly appointment: Appointment;
  /** Begins to hand over connections of the shared ports. */
  readonly takeConnections: (take: (port: PortName, socket: Socket) => void) => void;
  /** Where audit events go. */
  readonly openAuditSink: OpenSink;
  /** The metrics of all together. */
  readonly metrics: Exposition;
}

/** Requests that are served at once. */
export interface RequestLimits {
  /** True: their sum is divided among priority levels. False: they hold as they are, for everybody together. */
  readonly fair: boolean;
  readonly maxRequestsInflight: number;
  readonly maxMutatingRequestsInflight: number;
}
