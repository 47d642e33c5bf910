/**
 * Compares the data of members: each works out a hash of its whole history at one revision, and whoever asked looks who
 * differs (verdict.ts). Every so often on the leader (etcd's `--experimental-corrupt-check-time`), and at the start of a
 * member before it serves (`--experimental-initial-corrupt-check`).
 *
 * Members answer one question after another, a few at most; one that lags, is compacted otherwise or does not answer in
 * time is not compared this time.
 */
import type { Configuration, NodeId } from '@timonier/raft';
import type { Clock } from '../clock.ts';
import type { HostLog } from '../host-options.ts';
import { hashHistory } from '../history-hash.ts';
import type { Mvcc } from '../mvcc.ts';
import type { HashAnswer, PeerFrame } from '../peer-wire.ts';
import { rejoinAdvice } from '../recover-advice.ts';
import { StateCorruptError } from '../state-seal.ts';
import { type HistoryHash, type Verdict, verdict } from './verdict.ts';

export interface ConsistencyOptions {
  readonly self: NodeId;
  readonly clock: Pick<Clock, 'now' | 'after' | 'every'>;
  /** Milliseconds between two comparisons while this member leads; 0 for none. */
  readonly everyMs: number;
  readonly state: () => Mvcc;
  readonly configuration: () => Configuration;
  readonly name: (member: NodeId) => string;
  /** Whether this member leads and has a state. */
  readonly leads: () => boolean;
  readonly send: (to: NodeId, frame: PeerFrame) => boolean;
  /** Resolves when this member's state holds everything committed before. */
  readonly barrier: () => Promise<void>;
  /** Raises the alarm about a member that is alone with its data, or, without one, about the whole cluster. */
  readonly alarm: (member: NodeId | undefined) => Promise<object>;
  readonly log: HostLog;
}

interface Question {
  readonly to: NodeId;
  readonly resolve: (answer: HistoryHash | undefined) => void;
}

/** A large state takes its time. */
const answerMs = 60_000;
/** For so long a member that was asked waits until it has what it is asked about. */
const lagMs = 10_000;
const pollMs = 20;
/** A question or an answer waits so long for a connection. */
const connectMs = 3_000;
const maxQuestions = 8;

export class Consistency {
  readonly #options: ConsistencyOptions;
  readonly #questions = new Map<number, Question>();
  #nextQuestion = 1;
  #answering = 0;
  #tail: Promise<unknown> = Promise.resolve();
  #checking = false;
  #stopped = false;
  #end: (() => void) | undefined;

  constructor(options: ConsistencyOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, everyMs } = this.#options;
    if (everyMs > 0) this.#end = clock.every(everyMs, () => void this.check());
  }

  stop(): void {
    this.#stopped = true;
    this.#end?.();
    for (const id of this.#questions.keys()) this.#settle(id, undefined);
  }

  /** Takes frames about comparisons; false for all others. */
  frame(from: NodeId, { hashCall, hashAnswer }: PeerFrame): boolean {
    if (hashCall !== undefined) this.#called(from, hashCall.id, hashCall.revision);
    else if (hashAnswer !== undefined) this.#answered(from, hashAnswer);
    else return false;
    return true;
  }

  peerClosed(peer: NodeId): void {
    for (const [id, { to }] of this.#questions) if (to === peer) this.#settle(id, undefined);
  }

  /** One comparison, if this member leads. What it finds is raised as an alarm. Never rejects. */
  async check(): Promise<void> {
    const { leads, alarm, log, name } = this.#options;
    if (this.#checking || this.#stopped || !leads()) return;
    this.#checking = true;
    try {
      const found = await this.#compare();
      // Who follows another now knows no better than that one does.
      if (found.verdict.kind === 'agree' || !leads()) return;
      const { kind, members } = found.verdict;
      log.error(
        { revision: found.revision, hashes: found.hashes, members: members.map(name) },
        kind === 'apart' ? 'a member holds other data than the majority' : 'members hold different data',
      );
      for (const member of kind === 'apart' ? members : [undefined]) await alarm(member);
    } catch (error) {
      // Compacted or replaced in between, or no leader any more: another time.
      log.info({ err: error }, 'members were not compared');
    } finally {
      this.#checking = false;
    }
  }

  /**
   * Before this member serves: rejects with `StateCorruptError` when others hold other data at its revision, unless a
   * majority holds what it holds. Who cannot be reached is not compared, as in etcd.
   */
  async initial(): Promise<void> {
    const { barrier, self, name, log } = this.#options;
    try {
      await barrier();
    } catch (error) {
      log.warn({ err: error }, 'no majority can be reached: the data is not compared at the start');
      return;
    }
    const found = await this.#compare().catch((error: unknown) => {
      log.warn({ err: error }, 'the data is not compared at the start');
      return undefined;
    });
    if (found === undefined) return;
    const { verdict: judged, revision, hashes } = found;
    if (judged.kind !== 'agree' && judged.members.includes(self))
      throw new StateCorruptError(
        `${name(self)} (${self}) found data inconsistency with peers at revision ${revision} (${JSON.stringify(hashes)}); ${rejoinAdvice}`,
      );
    log.info({ revision, members: Object.keys(hashes) }, 'compared the data with the other members');
  }

  async #compare(): Promise<{ verdict: Verdict; revision: number; hashes: Record<string, string> }> {
    const { self, state, configuration, name } = this.#options;
    const { revision, compactRevision } = state();
    const { voters, learners, witnesses = [] } = configuration();
    const others = [...voters, ...learners].filter((id) => id !== self && !witnesses.includes(id));
    const asked = others.map(async (id) => [id, await this.#ask(id, revision)] as const);
    const own = { hash: await this.#hash(revision), compactRevision };
    const hashes = new Map([[self, own]]);
    for (const [id, answer] of await Promise.all(asked)) if (answer !== undefined) hashes.set(id, answer);
    return {
      verdict: verdict(hashes, own, configuration()),
      revision,
      hashes: Object.fromEntries([...hashes].map(([id, { hash }]) => [name(id), hash.toString(16)])),
    };
  }

  async #ask(to: NodeId, revision: number): Promise<HistoryHash | undefined> {
    const { clock } = this.#options;
    const id = this.#nextQuestion++;
    if (!(await this.#deliver(to, { hashCall: { id, revision } }))) return undefined;
    return await new Promise((resolve) => {
      const end = clock.after(answerMs, () => this.#settle(id, undefined));
      this.#questions.set(id, {
        to,
        resolve: (answer) => {
          end();
          resolve(answer);
        },
      });
    });
  }

  /** Members that have just started are connected in one direction only for a moment. False when that lasts. */
  async #deliver(to: NodeId, frame: PeerFrame): Promise<boolean> {
    const { clock, send } = this.#options;
    const until = clock.now() + connectMs;
    while (!send(to, frame)) {
      if (clock.now() >= until || this.#stopped) return false;
      await new Promise<void>((resolve) => void clock.after(pollMs, resolve));
    }
    return true;
  }

  #settle(id: number, answer: HistoryHash | undefined): void {
    const question = this.#questions.get(id);
    this.#questions.delete(id);
    question?.resolve(answer);
  }

  #answered(from: NodeId, { id, known, hash, compactRevision }: HashAnswer): void {
    if (this.#questions.get(id)?.to === from)
      this.#settle(id, known ? { hash: hash >>> 0, compactRevision } : undefined);
  }

  #called(from: NodeId, id: number, revision: number): void {
    const { log } = this.#options;
    const answer = async (found: HistoryHash | undefined): Promise<void> => {
      const { hash = 0, compactRevision = 0 } = found ?? {};
      await this.#deliver(from, { hashAnswer: { id, known: found !== undefined, hash, compactRevision } });
    };
    if (this.#answering >= maxQuestions) {
      void answer(undefined);
      return;
    }
    this.#answering += 1;
    this.#tail = this.#tail
      .then(() => this.#historyAt(revision))
      .then(answer, (error: unknown) => {
        log.info({ err: error, revision }, 'a hash that was asked for is not known');
        return answer(undefined);
      })
      .finally(() => {
        this.#answering -= 1;
      });
  }

  async #historyAt(revision: number): Promise<HistoryHash> {
    const { clock, state } = this.#options;
    const until = clock.now() + lagMs;
    while (state().revision < revision && clock.now() < until && !this.#stopped)
      await new Promise<void>((resolve) => void clock.after(pollMs, resolve));
    const { compactRevision, revision: here } = state();
    if (here < revision) throw new Error(`revision ${revision} is not here yet`);
    // What compaction leaves of its own revision differs from what was there before.
    if (revision <= compactRevision) throw new Error(`revision ${revision} is compacted`);
    return { hash: await this.#hash(revision), compactRevision };
  }

  #hash(revision: number): Promise<number> {
    return hashHistory(() => this.#options.state(), revision);
  }
}
