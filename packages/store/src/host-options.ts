/** What a host is made of, and whom it tells of what happens; see host.ts. */
import type {
  Configuration,
  Effects,
  Entry,
  HardState,
  MemoryLog,
  Message,
  Mutation,
  NodeId,
  RaftOptions,
  Role,
  SnapshotDescriptor,
} from '@timonier/raft';
import type { Clock } from './clock.ts';
import { type KnownBugs, noBugs } from './known-bugs.ts';
import type { Pace } from './pace.ts';
import type { Network } from './network.ts';
import type { PromiseCover } from './promise-cover.ts';
import type { StateMachine } from './state-machine.ts';
import type { Wal } from './wal.ts';

export interface HostLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface Pipeline {
  readonly maxInflight: number;
  readonly maxAppendBytes: number;
}

export interface HostOptions {
  readonly id: NodeId;
  readonly log: MemoryLog;
  readonly hardState: HardState;
  readonly configuration: Configuration;
  readonly machine: StateMachine;
  readonly wal: Wal;
  readonly transport: Network;
  readonly pace: Pace;
  /** Bounds promises by what is recorded of them. */
  readonly cover: PromiseCover;
  /** For how long promises of an earlier life may still hold. */
  readonly abstainMs: number;
  /** Entries kept behind the state for followers that lag. */
  readonly trailingEntries: number;
  /** Whether this member keeps the log and no state. */
  readonly isWitness?: boolean;
  readonly clock: Clock;
  readonly logger: HostLog;
  readonly events: HostEvents;
  readonly bugs?: KnownBugs;
  /** How much may be on its way to one follower; see `RaftOptions`. */
  readonly pipeline?: Pipeline;
  /** Sees what the core asks for once the log holds it, before anything of it leaves or is applied. */
  readonly observe?: (effects: Effects) => void;
}

export interface HostEvents {
  /** Role, term or leader changed. */
  readonly role: (role: Role, term: number, leader: NodeId | null) => void;
  /** Nobody else can lead before `until`, in milliseconds of `clock.bootTime`. */
  readonly proven: (until: number) => void;
  readonly applied: (index: number) => void;
  /** Another configuration is in force, perhaps by one of the entries that were just appended. */
  readonly configuration: (appended: readonly Entry[]) => void;
  /** The first entry of a term was applied. */
  readonly termBegan: (term: number) => void;
  readonly readReady: (context: number, index: number) => void;
  readonly readRejected: (context: number) => void;
  readonly proposalDropped: (context: number) => void;
  /** A snapshot is needed by a member. */
  readonly snapshotWanted: (to: NodeId, message: Extract<Message, { type: 'snapshot' }>) => void;
  /** A received snapshot is durable in the log: put it in the place of the state. */
  readonly install: (snapshot: SnapshotDescriptor) => Promise<void>;
  /** How long a member took to answer a heartbeat. */
  readonly roundTrip?: (peer: NodeId, ms: number) => void;
  /** Going on could lose data. */
  readonly failed: (error: Error) => void;
}

/** What the core is started with. */
export function coreOptions(options: HostOptions): RaftOptions {
  const {
    id,
    log,
    hardState,
    configuration,
    machine,
    pace,
    abstainMs,
    clock,
    pipeline,
    bugs = noBugs,
  } = options;
  return {
    id,
    log,
    hardState,
    configuration,
    applied: machine.appliedIndex,
    electionTicks: pace.electionTicks,
    heartbeatTicks: pace.heartbeatTicks,
    abstainTicks: configuration.voters.length > 1 ? pace.ticksBeyond(abstainMs) : 0,
    random: clock.random,
    maxInflight: pipeline?.maxInflight ?? 256,
    maxAppendBytes: pipeline?.maxAppendBytes ?? 1024 * 1024,
    // Names of this package's bugs mean nothing to the core.
    mutations: bugs as ReadonlySet<Mutation>,
  };
}
