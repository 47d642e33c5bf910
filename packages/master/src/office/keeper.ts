/**
 * Runs the office machine: feeds it leadership, clock and the store's answers, carries out its effects, and publishes
 * what follows from its state. The shell around the pure part in `machine.ts`.
 */
import type { OfficeState } from '@timonier/client/office';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { HostAddress } from '@timonier/worker/host-config';
import {
  type Leadership,
  newOfficeMachine,
  type OfficeEffect,
  type OfficeEvent,
  type OfficeMachine,
  stepOffice,
} from './machine.ts';

/** Where leadership comes from: our own store, or an election on a foreign etcd. */
export interface LeadershipSource {
  /** Calls `listener` with every change and renewal until closed. Reconnects by itself. */
  follow(listener: (leadership: Leadership) => void): void;
  /** Asks for another leader; resolves when the request was taken. */
  transfer(): Promise<void>;
  close(): Promise<void>;
}

/** The office key in the store. */
export interface OfficeRecord {
  /** What the office may be; null when nobody ever held it. After a refused `take` it is what it is. */
  read(): Promise<string | null>;
  /** Replaces `expected` by `token` in one transaction; null when the key holds something else by now. */
  take(expected: string | null, token: string): Promise<{ readonly revision: number } | null>;
}

export interface OfficeKeeperOptions {
  readonly self: HostAddress;
  readonly masters: readonly HostAddress[];
  readonly source: LeadershipSource;
  readonly record: OfficeRecord;
  readonly publish: (state: OfficeState) => void;
  readonly now: () => number;
  readonly log: Logger;
  readonly metrics: Registry;
}

/** The clock is looked at this often, and exactly at the end of a lease. */
const tickMs = 50;

export class OfficeKeeper {
  readonly #options: OfficeKeeperOptions;
  readonly #listeners = new Set<() => void>();
  readonly #changes: Counter;
  readonly #tick: NodeJS.Timeout;
  #machine: OfficeMachine = newOfficeMachine;
  #expiry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: OfficeKeeperOptions) {
    this.#options = options;
    const registers = [options.metrics];
    this.#changes = new Counter({
      name: 'timonier_office_changes_total',
      help: 'How often this master took or lost the office.',
      registers,
    });
    const active = (): number => (this.#machine.state.name === 'active' ? 1 : 0);
    const activeGauge: Gauge = new Gauge({
      name: 'timonier_office_active',
      help: '1 while this master holds the office.',
      registers,
      collect: () => activeGauge.set(active()),
    });
    const epoch = (): number => (this.#machine.state.name === 'active' ? this.#machine.state.epoch : 0);
    const epochGauge: Gauge = new Gauge({
      name: 'timonier_office_epoch',
      help: 'Epoch under which this master holds the office; 0 while it does not.',
      registers,
      collect: () => epochGauge.set(epoch()),
    });
    this.#tick = setInterval(() => this.#handle({ type: 'tick' }), tickMs);
    options.source.follow((leadership) => this.#handle({ type: 'leadership', leadership }));
  }

  get active(): boolean {
    return this.#machine.state.name === 'active';
  }

  get leader(): string {
    return this.#machine.leadership.leader;
  }

  get leads(): boolean {
    return this.#machine.leadership.leads;
  }

  /** Gives the office up, first here and then in the store; resolves when another master leads or time is up. */
  async handOver(why: string, timeoutMs: number): Promise<void> {
    if (!this.leads || this.#options.masters.length < 2) {
      this.#handle({ type: 'resign', why });
      return;
    }
    this.#handle({ type: 'resign', why });
    const gone = this.#until(() => !this.leads && this.leader !== '', timeoutMs);
    try {
      await this.#options.source.transfer();
    } catch (error) {
      this.#options.log.warn({ err: error }, 'could not hand leadership over');
    }
    await gone;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#tick);
    clearTimeout(this.#expiry);
  }

  #until(condition: () => boolean, timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(check);
        resolve();
      };
      const check = (): void => {
        if (condition()) end();
      };
      const timer = setTimeout(end, timeoutMs);
      this.#listeners.add(check);
      check();
    });
  }

  #handle(event: OfficeEvent): void {
    if (this.#closed) return;
    const before = this.#machine.state.name;
    const context = { self: this.#options.self.name, now: this.#options.now() };
    const [machine, effects] = stepOffice(this.#machine, event, context);
    this.#machine = machine;
    const after = machine.state.name;
    if (before !== after) this.#logTransition(before, after);
    if ((before === 'active') !== (after === 'active')) this.#changes.inc();
    for (const effect of effects) this.#carryOut(effect);
    this.#armExpiry();
    for (const listener of this.#listeners) listener();
  }

  #carryOut(effect: OfficeEffect): void {
    const { record, publish } = this.#options;
    switch (effect.type) {
      case 'publish':
        publish(this.#published());
        return;
      case 'demote':
        // The write to each reader's socket happens in this call; nothing is waited for.
        publish(this.#published());
        this.#handle({ type: 'demoted' });
        return;
      case 'read':
        record.read().then(
          (token) => this.#handle({ type: 'read', term: effect.term, token }),
          (error: unknown) => this.#refused(effect.term, error),
        );
        return;
      case 'take':
        record.take(effect.expected, effect.token).then(
          (taken) => {
            if (taken === null)
              this.#refused(effect.term, new Error('another master took the office in between'));
            else this.#handle({ type: 'taken', term: effect.term, revision: taken.revision });
          },
          (error: unknown) => this.#refused(effect.term, error),
        );
        return;
    }
  }

  #refused(term: number, error: unknown): void {
    this.#options.log.warn({ err: error, term }, 'could not take the office');
    this.#handle({ type: 'refused', term, why: error instanceof Error ? error.message : String(error) });
  }

  #published(): OfficeState {
    const { state, leadership } = this.#machine;
    const { self, masters } = this.#options;
    if (state.name === 'active') {
      return {
        role: 'active',
        token: `${state.epoch}@${self.name}`,
        epoch: state.epoch,
        revision: state.revision,
        leaseUntil: leadership.leaseUntil,
        active: { name: self.name, address: self.address },
      };
    }
    // A leader that is us but has not taken the office is nobody to send clients to.
    const leader = masters.find((master) => master.name === leadership.leader && master.name !== self.name);
    return {
      role: 'passive',
      token: null,
      epoch: null,
      revision: null,
      leaseUntil: 0,
      active: leader === undefined ? null : { name: leader.name, address: leader.address },
    };
  }

  #armExpiry(): void {
    clearTimeout(this.#expiry);
    const { state, leadership } = this.#machine;
    if (state.name !== 'active') return;
    const left = Math.max(0, Math.ceil(leadership.leaseUntil - this.#options.now()));
    // The tick would notice too, up to its period late.
    if (left <= tickMs) this.#expiry = setTimeout(() => this.#handle({ type: 'tick' }), left);
  }

  #logTransition(before: string, after: string): void {
    const { state, leadership } = this.#machine;
    const why = state.name === 'demoting' ? state.why : undefined;
    const epoch = state.name === 'active' ? state.epoch : undefined;
    this.#options.log.info({ from: before, to: after, term: leadership.term, epoch, why }, 'office');
  }
}
