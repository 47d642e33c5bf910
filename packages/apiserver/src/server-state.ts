/**
 * What all stages of a write share: the server's parts, and what is known about the write so far. Admission, which judges
 * writes, comes on top in `request-context.ts`.
 */
import type { Registry } from '@timonier/api';
import type { Office } from '@timonier/client/office';
import type { Logger } from 'pino';
import type { Allocations } from './allocation/allocations.ts';
import type { TokenChain } from './authentication/token-chain.ts';
import type { Authorizer } from './authorization/authorizer.ts';
import type { FreshReads } from './cache/fresh-reads.ts';
import type { WatchCache } from './cache/watch-cache.ts';
import type { Duty } from './duty.ts';
import type { Failpoints } from './failpoints.ts';
import type { ResourceRequest } from './http/request-info.ts';
import type { ApiServerMetrics } from './metrics/api-server-metrics.ts';
import type { NodeProxy } from './node-proxy/node-proxy.ts';
import type { User } from './pipeline/authenticate.ts';
import type { Turns } from './pipeline/turns.ts';
import type { Leases } from './storage/leases.ts';
import type { StoreClient } from './storage/store-client.ts';
import type { TokenAuthenticator } from './tokens/token-authenticator.ts';

export interface ServerState {
  readonly registry: Registry;
  readonly store: StoreClient;
  readonly leases: Leases;
  readonly cache: WatchCache;
  /** Who writes an object when several do. */
  readonly turns: Turns;
  readonly reads: FreshReads;
  /** Absent: an API server run by hand, which nothing fences. */
  readonly office: Office | undefined;
  /** Whether this process keeps what the cluster must have. */
  readonly duty: Duty;
  readonly metrics: ApiServerMetrics;
  readonly failpoints: Failpoints;
  readonly allocations: Allocations;
  readonly nodes: NodeProxy;
  /** Names of all masters, which are those of their Nodes where they have any. */
  readonly masters: ReadonlySet<string>;
  readonly authorizer: Authorizer;
  /** Absent: no key to sign tokens of ServiceAccounts with. */
  readonly tokens: TokenAuthenticator | undefined;
  /** Every kind of bearer token, also those of ServiceAccounts. */
  readonly bearerTokens: TokenChain;
  readonly log: Logger;
  /** `/registry/` */
  readonly root: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What a write needs to know, whoever asked for it. */
export interface WriteContext {
  readonly server: ServerState;
  readonly user: User;
  readonly target: ResourceRequest;
  /** Value that `/timonier/office` must have at commit; undefined when nothing is fenced. */
  readonly fence: Fence | undefined;
  /** True when everything is done but the commit. */
  readonly dryRun: boolean;
  /** Who owns the fields that this request sets. */
  readonly manager: string;
  /** Options as they were asked for, as far as admission is told of them; absent when nobody asked from outside. */
  readonly asked?: { readonly fieldManager?: string; readonly fieldValidation?: string };
  /** True when admission has judged the request as a whole, and is not asked about what carries it out. */
  readonly isJudged?: boolean;
  /** Tells the client something beside the answer; absent when nobody asked from outside. */
  readonly warn?: (text: string) => void;
  /** Tells the audit log something beside the request; absent when nobody asked from outside. The first value of a key holds. */
  readonly annotate?: (key: string, value: string) => void;
  /** When the client is told that it takes too long, as `performance.now` tells it; absent when nobody waits. */
  readonly deadline?: number;
  /** Told for how many milliseconds webhooks were waited for; absent when nobody asked from outside. */
  readonly waited?: (milliseconds: number) => void;
  /** True when the audit log keeps bodies of this request. */
  readonly isRecordedWhole?: boolean;
}

export interface Fence {
  readonly token: string;
  /** `client`: the token is the sender's; a mismatch is a conflict. `server`: it is ours; a mismatch means we are deposed. */
  readonly holder: 'client' | 'server';
}
