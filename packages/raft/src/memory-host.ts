/**
 * The in-memory twin of a host: keeps the contract of types.ts for one member, with a disk that loses what was not
 * written when it crashes. Tests and the simulator drive it; it is also the shortest correct example of a host.
 *
 * In: inputs and packets. Out: `outbox` (packets to carry), `effects` of each step, `applied` state.
 * Invariant: a message with `afterPersist` enters the outbox only when its write and all earlier ones are on `disk`.
 */
import { MemoryLog } from './log.ts';
import { decodeConfiguration } from './membership.ts';
import type { Message } from './messages.ts';
import { RaftNode } from './node.ts';
import type {
  Configuration,
  Effects,
  Entry,
  HardState,
  Input,
  RaftOptions,
  SnapshotDescriptor,
} from './types.ts';

/** A register and a digest of everything applied: two members at the same index must have equal states. */
export interface RegisterState {
  readonly index: number;
  readonly value: string;
  readonly digest: number;
}

export interface Packet {
  readonly message: Message;
  /** Snapshot messages travel with the state itself. */
  readonly state?: RegisterState;
}

export type HostOptions = Omit<RaftOptions, 'log' | 'hardState' | 'configuration' | 'applied'>;

interface Write {
  readonly effects: Effects;
  readonly state: RegisterState | null;
}

const EMPTY: RegisterState = { index: 0, value: '', digest: 0 };
const decoder = new TextDecoder();

export class MemoryHost {
  readonly id: string;
  node: RaftNode;
  log: MemoryLog;
  state: RegisterState = EMPTY;
  outbox: Packet[] = [];
  /** Witnesses: who would have needed a snapshot. To be told with `snapshot-failed`. */
  unsent: string[] = [];
  /** Writes handed over and not yet durable, oldest first. */
  writes: Write[] = [];
  readonly #options: HostOptions;
  readonly #bootstrap: Configuration;
  readonly #onEffects: (host: MemoryHost, effects: Effects) => void;
  #snapshotState: RegisterState = EMPTY;
  // The disk.
  #diskHardState: HardState = { term: 0, vote: null, commit: 0 };
  #diskLog: MemoryLog;
  #diskState: RegisterState = EMPTY;

  constructor(
    options: HostOptions,
    configuration: Configuration,
    onEffects: (host: MemoryHost, effects: Effects) => void = () => {},
  ) {
    this.id = options.id;
    this.#options = options;
    this.#bootstrap = configuration;
    this.#onEffects = onEffects;
    this.#diskLog = new MemoryLog(configuration);
    this.log = new MemoryLog(configuration);
    this.node = this.#recover();
  }

  #recover(): RaftNode {
    const disk = this.#diskLog;
    const snapshot = disk.snapshot();
    this.log = new MemoryLog(this.#bootstrap);
    const before = disk.firstIndex() - 1;
    if (before > 0) this.log.install({ ...snapshot, index: before, term: disk.term(before) });
    if (disk.lastIndex() > before) this.log.append(disk.entries(before + 1, disk.lastIndex() + 1, Infinity));
    if (snapshot.index > 0) this.log.compact(snapshot, before + 1);
    this.state = this.#diskState;
    this.#snapshotState = this.#diskState;
    return new RaftNode({
      ...this.#options,
      log: this.log,
      hardState: this.#diskHardState,
      configuration: snapshot.configuration,
    });
  }

  step(input: Input): Effects {
    return this.#settle(this.node.step(input), null);
  }

  receive(packet: Packet): Effects {
    return this.#settle(this.node.step({ type: 'message', message: packet.message }), packet.state ?? null);
  }

  #settle(effects: Effects, received: RegisterState | null): Effects {
    let installed: RegisterState | null = null;
    if (effects.installSnapshot !== undefined) {
      if (received === null) throw new Error('a snapshot was installed without its state');
      installed = received;
      this.log.install(effects.installSnapshot);
      this.state = installed;
      this.#snapshotState = installed;
    }
    this.log.append(effects.append);
    const waits = effects.persist !== undefined || effects.messages.some((message) => message.afterPersist);
    for (const message of effects.messages) if (!message.afterPersist) this.#post(message);
    if (waits) this.writes.push({ effects, state: installed });
    this.#onEffects(this, effects);
    if (effects.commit !== undefined) this.#apply(effects.commit);
    return effects;
  }

  get #isWitness(): boolean {
    return this.node.status.configuration.witnesses?.includes(this.id) === true;
  }

  #post(message: Message): void {
    // It has no state to send; whoever carries messages tells it that this one was not delivered.
    if (message.type === 'snapshot' && this.#isWitness) {
      this.unsent.push(message.to);
      return;
    }
    this.outbox.push(message.type === 'snapshot' ? { message, state: this.#snapshotState } : { message });
  }

  #apply(commit: number): void {
    if (commit <= this.state.index) return;
    let { value, digest } = this.state;
    for (const entry of this.log.entries(this.state.index + 1, commit + 1, Infinity)) {
      digest = digestOf(digest, entry);
      if (entry.type === 'normal') value = decoder.decode(entry.data);
    }
    this.state = { index: commit, value, digest };
    this.step({ type: 'applied', index: commit });
  }

  /** Makes the oldest waiting write durable and releases its messages. False when there is none. */
  completeWrite(): boolean {
    const write = this.writes.shift();
    if (write === undefined) return false;
    this.#store(write);
    const { persist, messages } = write.effects;
    for (const message of messages) if (message.afterPersist) this.#post(message);
    if (persist !== undefined) this.step({ type: 'persisted', ...persist });
    return true;
  }

  #store({ effects, state }: Write): void {
    if (effects.hardState !== undefined) this.#diskHardState = effects.hardState;
    if (effects.installSnapshot !== undefined && state !== null) {
      this.#diskLog.install(effects.installSnapshot);
      this.#diskState = state;
    }
    this.#diskLog.append(effects.append);
  }

  flush(): void {
    while (this.completeWrite());
  }

  /** Snapshots the applied state and drops the log behind it. Only what is durable may go. */
  compact(): SnapshotDescriptor | null {
    const { index } = this.state;
    // The disk may still hold what an unfinished write replaces, although the group has committed the new entry.
    const unwritten = this.writes.some(
      ({ state, effects }) => state !== null || (effects.append[0]?.index ?? Infinity) <= index,
    );
    const current = this.log.snapshot().index;
    if (unwritten || index <= current || index > this.#diskLog.lastIndex()) return null;
    // A witness keeps what a full voter may still need.
    const forgets = this.#options.mutations?.has('witness-forgets') === true;
    const keepFrom = this.#isWitness && !forgets ? Math.min(index, this.node.settled) + 1 : index + 1;
    const term = this.log.term(index);
    let configuration = this.log.snapshot().configuration;
    for (const entry of this.log.entries(current + 1, index + 1, Infinity)) {
      if (entry.type === 'config') configuration = decodeConfiguration(entry.data).configuration;
    }
    const snapshot = { index, term, configuration };
    this.log.compact(snapshot, keepFrom);
    this.#diskLog.compact(snapshot, keepFrom);
    this.#snapshotState = this.state;
    this.#diskState = this.state;
    return snapshot;
  }

  /**
   * A crash: everything in memory is gone, and of the unfinished writes all but the first `written`, which reached the
   * disk without anybody learning of it. Comes back from the disk.
   */
  restart(written = 0): void {
    for (const write of this.writes.slice(0, written)) this.#store(write);
    this.writes = [];
    this.outbox = [];
    this.node = this.#recover();
  }
}

/** FNV-1a over what matters of an entry, chained. */
function digestOf(digest: number, entry: Entry): number {
  let hash = digest ^ 0x811c9dc5;
  const mix = (value: number): void => {
    hash = Math.imul(hash ^ value, 0x01000193) >>> 0;
  };
  mix(entry.term);
  mix(entry.index);
  mix(entry.type.length);
  for (const byte of entry.data) mix(byte);
  return hash;
}
