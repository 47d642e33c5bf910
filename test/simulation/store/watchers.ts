/**
 * Watches that move between members and resume where they were: each must see every change of its keys once, in order,
 * whole revisions at a time.
 *
 * A member's watch belongs to its life; when that is over, or at random, the watcher goes on at any member from the
 * revision after the last one it knows to be complete. Some read slowly.
 */
import type { Member } from '../../../packages/store/src/member.ts';
import type { KeyValue, WatchEvent } from '../../../packages/store/src/types.ts';
import type { Watcher } from '../../../packages/store/src/watch.ts';
import type { SimulatedHost } from './host.ts';
import { sameKeyValue, type Truth } from './truth.ts';
import { type Life, Violation, type World } from './world.ts';

const slowMs = 400;
/** How often a watcher looks whether it has to go elsewhere. */
const lookMs = 100;

class SimulatedWatcher {
  readonly number: number;
  readonly from: string;
  readonly to: string | undefined;
  readonly prevKv: boolean;
  readonly slow: boolean;
  /** The next revision it has to see. */
  next: number;
  events = 0;
  /** Delivered in this event: looked at when it is over, for then the truth has learnt of it. */
  readonly #given: { host: SimulatedHost; events: readonly WatchEvent[]; revision: number }[] = [];
  #attached: { readonly life: Life; readonly member: Member; readonly watcher: Watcher } | undefined;
  readonly #world: World;
  readonly #truth: Truth;

  constructor(number: number, world: World, truth: Truth) {
    const { random } = world;
    this.number = number;
    this.#world = world;
    this.#truth = truth;
    this.from = random.chance(0.4) ? `k${random.below(10)}` : random.pick(['k', 'k3', '\0']);
    this.to = this.from.length === 2 && random.chance(0.8) ? undefined : 'z';
    this.prevKv = random.chance(0.3);
    this.slow = random.chance(0.3);
    this.next = 2;
  }

  get attached(): boolean {
    return this.#attached !== undefined && !this.#attached.life.over;
  }

  attach(host: SimulatedHost, member: Member): void {
    this.detach();
    const { life } = host;
    const watcher = member.hub.add({
      range: { from: this.from, to: this.to },
      from: this.next,
      prevKv: this.prevKv,
      noPut: false,
      noDelete: false,
      deliver: (events, revision) => {
        // What a life that was left still says is not heard any more.
        if (this.#attached?.watcher !== watcher && this.#attached !== undefined) return true;
        this.#given.push({ host, events, revision });
        if (!this.slow) return true;
        this.#world.after(this.#world.random.next() * slowMs, life, () => member.hub.resume(watcher));
        return false;
      },
      compacted: (revision) => {
        if (revision > this.#truth.compactRevision)
          throw new Violation(`watch ${this.number} was told of a compaction at ${revision}`);
        // As clients do: read everything, and go on from there. What was missed is not owed.
        this.next = Math.max(this.next, revision);
        this.#attached = undefined;
      },
    });
    this.#attached = { life, member, watcher };
  }

  detach(): void {
    this.#attached?.member.hub.remove(this.#attached.watcher);
    this.#attached = undefined;
  }

  /** Whether its member says that it has seen everything. */
  isCurrent(): boolean {
    return this.#attached !== undefined && this.#attached.member.hub.isCurrent(this.#attached.watcher);
  }

  verify(): void {
    for (const { host, events, revision } of this.#given.splice(0)) this.#take(host, events, revision);
  }

  #take(host: SimulatedHost, events: readonly WatchEvent[], revision: number): void {
    const complain = (what: string): never => {
      throw new Violation(`watch ${this.number} of ${this.from}..${this.to ?? ''} on ${host.name}: ${what}`);
    };
    const first = events[0]?.kv.modRevision ?? 0;
    if (first < this.next) complain(`revision ${first} again, ${this.next} is due`);
    const got = events.map(({ kv }) => kv);
    const due = this.due(revision);
    for (const [i, kv] of due.entries()) {
      const event = got[i];
      if (event === undefined || !sameKeyValue(event, kv))
        complain(
          `due is ${kv.key.toString()}@${kv.modRevision}, given was ${event?.key.toString() ?? 'nothing'}@${event?.modRevision ?? 0}`,
        );
    }
    if (got.length > due.length) complain(`${got.length} events up to ${revision} instead of ${due.length}`);
    for (const { type, kv, prevKv } of events) {
      if ((type === 1) !== (kv.version === 0)) complain(`event of type ${type} for version ${kv.version}`);
      if (!this.prevKv || kv.modRevision - 1 < this.#truth.compactRevision) continue;
      const before = this.#truth.at(kv.key.toString('latin1'), kv.modRevision - 1);
      if (before === undefined ? prevKv !== undefined : prevKv !== undefined && !sameKeyValue(prevKv, before))
        complain(`wrong previous value of ${kv.key.toString()}@${kv.modRevision}`);
    }
    this.events += events.length;
    this.next = revision + 1;
  }

  /** What it has to see of the revisions up to this one. */
  due(revision: number): KeyValue[] {
    const due: KeyValue[] = [];
    for (let main = this.next; main <= revision; main += 1)
      for (const kv of this.#truth.revisions[main] ?? []) {
        const key = kv.key.toString('latin1');
        if (this.to === undefined ? key === this.from : key >= this.from && key < this.to) due.push(kv);
      }
    return due;
  }
}

export class Watchers {
  readonly #world: World;
  readonly #hosts: readonly SimulatedHost[];
  readonly #truth: Truth;
  readonly #all: SimulatedWatcher[] = [];
  readonly #moveMs: number;

  constructor(world: World, hosts: readonly SimulatedHost[], truth: Truth, count: number) {
    this.#world = world;
    this.#hosts = hosts;
    this.#truth = truth;
    this.#moveMs = world.random.pick([500, 3_000, 20_000]);
    for (let number = 0; number < count; number += 1)
      this.#all.push(new SimulatedWatcher(number, world, truth));
  }

  get events(): number {
    return this.#all.reduce((sum, { events }) => sum + events, 0);
  }

  /** To be called after every event. */
  verify(): void {
    for (const watcher of this.#all) watcher.verify();
  }

  start(): void {
    for (const watcher of this.#all) this.#live(watcher);
  }

  #live(watcher: SimulatedWatcher): void {
    const { random } = this.#world;
    this.#world.after(lookMs, undefined, () => {
      this.#live(watcher);
      if (watcher.attached && !random.chance(lookMs / this.#moveMs)) return;
      const host = random.pick(this.#hosts);
      const { member, life } = host;
      // Those that have no state of their own yet, or never, answer no watches.
      if (member === undefined || life.frozen || member.isWitness || member.isLearner) return;
      if (watcher.isCurrent() && random.chance(0.3)) {
        // A new watch from now on, as after a fresh list.
        const fresh = this.#truth.revision + 1;
        if (fresh <= member.machine.state.revision + 1) watcher.next = Math.max(watcher.next, fresh);
      }
      watcher.attach(host, member);
    });
  }

  /** Whether everybody has seen everything. Call when nothing happens any more. */
  complete(): boolean {
    return this.#all.every(
      (watcher) => watcher.attached && watcher.due(this.#truth.revision).length === 0 && watcher.isCurrent(),
    );
  }
}
