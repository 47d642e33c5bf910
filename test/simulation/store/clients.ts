/**
 * Clients that ask at random, one thing at a time each, and the history of what they were told.
 *
 * Keys are few, so that clients meet; values are unique, so that what is read tells who wrote it. One kind of request
 * takes an office as a master does: read the epoch, then write the next one if it is still the same.
 */
import type { KnownBugs } from '../../../packages/store/src/known-bugs.ts';
import type { Random } from '../random.ts';
import type { SimulatedHost } from './host.ts';
import { ask, type ClientRequest, Operation, outcomeOf } from './operations.ts';
import {
  compareTarget,
  deleteRequest,
  equalTo,
  get,
  put,
  putRequest,
  rangeRequest,
  remove,
} from './requests.ts';
import type { Truth } from './truth.ts';
import type { World } from './world.ts';

export interface ClientSettings {
  readonly count: number;
  /** Mean pause between two requests of a client, in milliseconds. */
  readonly thinkMs: number;
  readonly compactions: boolean;
  /** Whether all rest together at times, so that nothing is written for a while. */
  readonly lulls: boolean;
  /** Share of requests that are about leases, and how many leases are known at a time. */
  readonly leases: number;
  readonly leasesKnown: number;
  readonly keepMs: number;
  readonly valueBytes: number;
  readonly bugs: KnownBugs;
}

const keyCount = 10;
const busyMs = [300, 1_000];
const restMs = [1_300, 2_500];
/** In place of a client's number. */
const keeper = -1;
/** Clients wait no longer; the outcome is then unknown. */
const patienceMs = 9_000;

export class Clients {
  readonly history: Operation[] = [];
  /** Requests without an answer. */
  waiting = 0;
  readonly #world: World;
  readonly #hosts: readonly SimulatedHost[];
  readonly #truth: Truth;
  readonly #settings: ClientSettings;
  readonly #random: Random;
  #values = 0;
  #nextLease = 1n;
  /** Leases that clients asked for and believe in, oldest first. */
  readonly #leases: bigint[] = [];
  #stopped = false;
  #resting = false;

  constructor(world: World, hosts: readonly SimulatedHost[], truth: Truth, settings: ClientSettings) {
    this.#world = world;
    this.#hosts = hosts;
    this.#truth = truth;
    this.#settings = settings;
    this.#random = world.random;
  }

  start(): void {
    for (let client = 0; client < this.#settings.count; client += 1) this.#live(client);
    if (this.#settings.lulls) this.#turn();
  }

  #turn(): void {
    const ms = this.#resting ? restMs : busyMs;
    this.#world.after(this.#random.pick(ms), undefined, () => {
      this.#resting = !this.#resting;
      if (!this.#stopped) this.#turn();
    });
  }

  /** Nobody asks for anything more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Another leader: who keeps leases alive finds its stream ended, and begins another at once. */
  elected(): void {
    if (this.#stopped || this.#settings.leases === 0) return;
    for (const lease of this.#leases) {
      if (!this.#random.chance(0.6)) continue;
      this.#world.after(this.#random.next() * this.#settings.keepMs, undefined, () => {
        const host = this.#random.pick(this.#hosts);
        if (this.#stopped || !host.alive || this.waiting >= 4 * this.#settings.count) return;
        this.ask(keeper, host, { renew: lease }).catch((error: unknown) => this.#world.fail(error));
      });
    }
  }

  #live(client: number): void {
    const { thinkMs } = this.#settings;
    this.#world.after(this.#random.next() * 2 * thinkMs, undefined, () => {
      if (this.#stopped) return;
      const host = this.#random.pick(this.#hosts);
      if (!host.alive || this.#resting) {
        this.#live(client);
        return;
      }
      const again = (): void => this.#live(client);
      if (this.#random.chance(0.04))
        this.#takeOffice(client, host).then(again, (error) => this.#world.fail(error));
      else this.ask(client, host, this.#choose()).then(again, (error) => this.#world.fail(error));
    });
  }

  /** Resolves with the operation once its outcome is known, or nobody waits for it any more. */
  ask(client: number, host: SimulatedHost, request: ClientRequest): Promise<Operation> {
    const world = this.#world;
    const operation = new Operation(request, client, host.name, world.steps, world.now);
    this.history.push(operation);
    this.waiting += 1;
    const { life } = host;
    return new Promise<Operation>((resolve) => {
      const settle = (outcome: Operation['outcome']): void => {
        if (operation.outcome !== 'pending') return;
        operation.outcome = outcome;
        operation.end = world.steps;
        this.waiting -= 1;
        life.mourners.delete(lost);
        giveUp();
        world.mix(operation.answer?.revision ?? outcome.length);
        this.#learn(operation);
        resolve(operation);
      };
      const lost = (): void => settle('unknown');
      const giveUp = world.after(patienceMs, undefined, lost);
      life.mourners.add(lost);
      world.after(0.05, life, () => {
        const { member } = host;
        if (member === undefined) {
          settle('refused');
          return;
        }
        ask(member, operation, this.#settings.bugs).then(
          () => settle('ok'),
          (error: unknown) => {
            try {
              settle(outcomeOf(error, operation));
            } catch (fault) {
              if (!life.over) world.fail(fault);
            }
          },
        );
      });
    });
  }

  /** A lease that is gone is not renewed any more. */
  #learn({ request: { renew }, outcome, ttl }: Operation): void {
    if (renew === undefined || outcome !== 'ok' || ttl > 0) return;
    const at = this.#leases.indexOf(renew);
    if (at >= 0) this.#leases.splice(at, 1);
  }

  async #takeOffice(client: number, host: SimulatedHost): Promise<void> {
    const read = await this.ask(client, host, { range: rangeRequest('office', '') });
    if (read.outcome !== 'ok') return;
    const held = read.answer?.parts[0]?.kvs[0];
    const epoch = held === undefined ? 0 : Number.parseInt(held.value.toString(), 10);
    const compare =
      held === undefined
        ? equalTo('office', { target: compareTarget.create, createRevision: 0 })
        : equalTo('office', { target: compareTarget.value, value: held.value });
    await this.ask(client, host, {
      txn: {
        compare: [compare],
        success: [put(putRequest('office', `${epoch + 1}@${client}`))],
        failure: [get(rangeRequest('office', ''))],
      },
    });
  }

  #key(): string {
    return `k${this.#random.below(keyCount)}`;
  }

  #value(): string {
    this.#values += 1;
    return `v${this.#values}`.padEnd(this.#settings.valueBytes, '.');
  }

  #choose(): ClientRequest {
    const random = this.#random;
    const { leases, compactions } = this.#settings;
    if (random.chance(leases)) return this.#lease();
    const kind = random.next();
    if (kind < 0.3) return { put: this.#put() };
    if (kind < 0.38) return { deleteRange: deleteRequest(this.#key(), random.chance(0.2) ? 'k5' : '') };
    if (kind < 0.56) return this.#txn();
    if (kind < 0.86) return { range: this.#range() };
    if (kind < 0.875 && compactions) {
      const { revision, compactRevision } = this.#truth;
      const target = compactRevision + random.below(Math.max(1, revision - compactRevision + 2));
      return { compaction: { revision: target, physical: false } };
    }
    return { put: this.#put() };
  }

  #put(): NonNullable<ClientRequest['put']> {
    const lease = this.#settings.leases > 0 && this.#random.chance(0.15) ? (this.#leases.at(-1) ?? 0n) : 0n;
    return putRequest(this.#key(), this.#value(), { lease, prevKv: this.#random.chance(0.3) });
  }

  #range(): NonNullable<ClientRequest['range']> {
    const random = this.#random;
    const { revision, compactRevision } = this.#truth;
    const old = random.chance(0.15) ? compactRevision + random.below(revision - compactRevision + 1) : 0;
    return rangeRequest(random.chance(0.6) ? this.#key() : 'k', random.chance(0.4) ? 'l' : '', {
      serializable: random.chance(0.25),
      limit: random.chance(0.2) ? 3 : 0,
      revision: old,
    });
  }

  #txn(): ClientRequest {
    const random = this.#random;
    const key = this.#key();
    const other = this.#key();
    const known = this.#truth.at(key, this.#truth.revision);
    // Mostly what is probably true, so that both branches are taken.
    const compare = random.chance(0.5)
      ? equalTo(key, { target: compareTarget.mod, modRevision: known?.modRevision ?? 0 })
      : random.chance(0.5)
        ? equalTo(key, { target: compareTarget.version, version: known?.version ?? 0 })
        : equalTo(key, { target: compareTarget.value, value: known?.value ?? Buffer.from('none') });
    const success = [put(putRequest(key, this.#value(), { prevKv: true }))];
    if (other !== key) {
      const also = random.next();
      if (also < 0.5) success.push(put(putRequest(other, this.#value())));
      else if (also < 0.75) success.push(remove(deleteRequest(other)));
    }
    success.push(get(rangeRequest('k', 'l')));
    return { txn: { compare: [compare], success, failure: [get(rangeRequest(key, ''))] } };
  }

  #lease(): ClientRequest {
    const random = this.#random;
    // Some are renewed often and some hardly in time.
    const lease = this.#leases[Math.floor(random.next() ** 3 * this.#leases.length)];
    const wanted = this.#leases.length < this.#settings.leasesKnown ? 0.3 : 0.03;
    if (lease === undefined || random.chance(wanted)) {
      const ID = this.#nextLease;
      this.#nextLease += 1n;
      this.#leases.push(ID);
      if (this.#leases.length > this.#settings.leasesKnown) this.#leases.shift();
      return { leaseGrant: { ID, TTL: random.pick([1, 2, 3, 8]) } };
    }
    return random.chance(0.1) ? { leaseRevoke: { ID: lease } } : { renew: lease };
  }
}
