/** What a member is started with. Times in milliseconds. */
import type { Tokens } from './auth/tokens.ts';
import type { Endpoint, InitialCluster } from './cluster.ts';
import type { HostLog } from './host-options.ts';
import type { Platform } from './platform.ts';
import type { PeerTls } from './peer-socket.ts';

export interface MemberOptions {
  readonly cluster: InitialCluster;
  readonly dataDir: string;
  /** Votes and keeps the log, without a state: only for one that was added as a witness. */
  readonly witness?: boolean;
  readonly listenPeers: readonly Endpoint[];
  readonly peerTls: PeerTls | undefined;
  readonly clientUrls: readonly string[];
  readonly heartbeatMs: number;
  /** Silence that ends loyalty to a leader on a quiet machine, and at most, when everything is slow. */
  readonly electionMs: number;
  readonly maxElectionMs: number;
  readonly trailingEntries: number;
  /** Bytes on disk beyond which the store takes nothing more in; Infinity for no bound. */
  readonly quotaBytes: number;
  /** Whether a member takes its alarm back by itself once there is room again. */
  readonly autoDisarm: boolean;
  /** Where tokens of clients that authenticated are kept, if any are. */
  readonly tokens?: Tokens;
  /** Where time, disks and network come from: the machine, unless said otherwise. */
  readonly platform?: Platform;
  /** Whether changes of members that endanger the quorum are refused. Default true. */
  readonly strictReconfig?: boolean;
  /** Learners that may be there at a time. Default 1. */
  readonly maxLearners?: number;
  /** Whether what is left of long leases is written down, so that a new leader goes on from there. Default false. */
  readonly leaseCheckpoints?: boolean;
  /** Between two comparisons of the data of all members by the leader; 0, the default, for none. */
  readonly corruptCheckMs?: number;
  readonly log: HostLog;
  readonly onFailure: (error: Error) => void;
  /** The group has taken this member out for good, and it has had a moment to say so to its clients. */
  readonly onRemoved?: () => void;
}
