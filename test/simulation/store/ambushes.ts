/**
 * Faults that wait for a moment, or follow a plan: what a mistake needs to show can be too much for chance alone.
 */
import type { Entry } from '@timonier/raft';
import { entryBatchCodec } from '../../../packages/store/src/codecs.ts';
import type { SimulatedHost } from './host.ts';
import type { SimulatedNetwork } from './network.ts';
import type { World } from './world.ts';

export interface AmbushOptions {
  readonly world: World;
  readonly hosts: readonly SimulatedHost[];
  readonly network: SimulatedNetwork;
  /** Whether it is time for faults. */
  readonly active: () => boolean;
  readonly over: () => boolean;
  readonly crash: (host: SimulatedHost, powerLoss: boolean, downMs?: number) => void;
  readonly freeze: (host: SimulatedHost, ms: number) => void;
  readonly healLater: () => void;
}

const lookMs = 25;
/** After so long a leader that was to come back is given up. */
const comebackMs = 1_500;
/**
 * Figure 8 of the Raft paper. A leader is lost with an entry that few have or none (`first`), and so is its successor
 * (`second`), at once. The first leads again and copies what is of its old term, and nothing of its new one; then the
 * second comes back, whose log ends in a later term, and overwrites it.
 */
interface Comeback {
  readonly first: SimulatedHost;
  /** Of the entry that the first alone accepted; 0 until it has. */
  index: number;
  term: number;
  second: SimulatedHost | undefined;
  /** Whether the first was elected again. */
  again: boolean;
}

/** How long a machine is new. */
const newcomerMs = 5_000;

export class Ambushes {
  readonly #o: AmbushOptions;

  /** A leader that was isolated, and is to lead again. */
  #calledBack: SimulatedHost | undefined;
  /** Who stayed with it. */
  #kept: SimulatedHost | undefined;
  /** Whether a leader is lost as soon as it decides something by itself. */
  #awaitsDecision = false;
  /** A leader that was lost with its decision on the way. */
  #fallen: SimulatedHost | undefined;

  #comeback: Comeback | undefined;

  constructor(options: AmbushOptions) {
    this.#o = options;
  }

  #after(ms: number, run: () => void): void {
    const { world, active } = this.#o;
    world.after(ms, undefined, () => {
      if (active()) run();
    });
  }

  #others(host: SimulatedHost): SimulatedHost[] {
    return this.#o.hosts.filter((other) => other !== host && other.alive);
  }

  #cut(a: SimulatedHost, b: SimulatedHost): void {
    this.#o.network.block(a.name, b.name);
    this.#o.network.block(b.name, a.name);
  }

  /** The new leader is cut off, and others lose power, before anything of its election has settled. */
  cutOffAtOnce(leader: SimulatedHost): void {
    const { world, crash, healLater } = this.#o;
    this.#after(world.random.next() * 2, () => {
      for (const other of this.#others(leader)) {
        this.#cut(leader, other);
        if (world.random.chance(0.4)) crash(other, true);
      }
      healLater();
    });
  }

  /** The new leader is cut off from most before it has copied everything. */
  endReign(leader: SimulatedHost): void {
    const { world, network, crash } = this.#o;
    const { random } = world;
    this.#after(random.next() * random.pick([3, 12, 60]), () => {
      network.heal();
      for (const other of this.#others(leader)) if (random.chance(0.75)) this.#cut(leader, other);
      // Nobody waits for a timeout: a closed connection ends loyalty.
      if (random.chance(0.1)) crash(leader, random.chance(0.5));
      else network.reset(1, leader.name);
      // It may have kept enough of them.
      this.#after(80 + random.next() * 200, () => {
        if (leader.member?.host.role === 'leader') this.endReign(leader);
      });
    });
  }

  /** What was held back for an old leader arrives, and its answers, while the new one begins. */
  deliverLate(): void {
    const { world, network } = this.#o;
    this.#after(world.random.next() * world.random.pick([5, 40, 150]), () => network.heal(false));
  }

  /**
   * The leader keeps one follower that notices nothing; the others lose their connections to both, and elect another
   * at once.
   */
  usurp(leader: SimulatedHost): void {
    const { world, network } = this.#o;
    if (this.#isolate(leader) !== undefined)
      world.after(world.random.pick([600, 900, 1_500]), undefined, () => network.heal());
  }

  /** The same in short, and then the old leader is called back: it may hear again what it was told before. */
  relapse(leader: SimulatedHost): void {
    const { world, network, hosts, over } = this.#o;
    const { random } = world;
    if (this.#calledBack !== undefined) return;
    // Without a sign, so that the old leader goes on for a while.
    const kept = this.#isolate(leader, false);
    if (kept === undefined) return;
    network.remember(kept.name, leader.name);
    this.#calledBack = leader;
    this.#kept = kept;
    world.after(1_200, undefined, () => {
      this.#calledBack = undefined;
      this.#o.healLater();
    });
    const until = world.now + 800;
    const look = (): void => {
      if (over()) return;
      const successor = hosts.find(
        ({ member }) => member?.host.role === 'leader' && member !== leader.member,
      );
      if (successor === undefined && world.now < until) {
        world.after(4, undefined, look);
        return;
      }
      // Who was kept hears of none of this.
      for (const other of this.#others(leader)) if (other !== kept) network.reopen(leader.name, other.name);
      world.after(5 + random.next() * 20, undefined, () => {
        // Nobody waits for it; a refusal is an answer too.
        successor?.member?.transfer(leader.id).catch(() => undefined);
      });
    };
    look();
  }

  /** A leader is to be lost while something that it decided by itself is in its log, copied to some or to nobody. */
  awaitDecision(): void {
    this.#awaitsDecision = true;
  }

  /** The leader is to be lost with its next entry, and to come back: see Comeback. */
  comeback(leader: SimulatedHost): void {
    if (this.#comeback !== undefined) return;
    const plan: Comeback = { first: leader, index: 0, term: 0, second: undefined, again: false };
    this.#comeback = plan;
    this.#o.world.after(comebackMs, undefined, () => this.#giveUp(plan));
  }

  #giveUp(plan: Comeback): void {
    if (this.#comeback !== plan) return;
    this.#comeback = undefined;
    this.#o.network.heal();
  }

  /** Cut off from all others, and both sides notice, so that nobody waits for a timeout. */
  #expel(host: SimulatedHost, kept?: SimulatedHost): void {
    for (const other of this.#o.hosts) {
      if (other === host || other === kept) continue;
      this.#o.network.resetBetween(host.name, other.name);
      this.#cut(host, other);
    }
  }

  /** One that was expelled is back and asks for votes as soon as it has connections. */
  #campaignAgain(host: SimulatedHost, without?: SimulatedHost): void {
    const { world, network, hosts } = this.#o;
    for (const other of hosts) if (other !== host && other !== without) network.reopen(host.name, other.name);
    const { member, life } = host;
    for (const ms of [40, 110, 240])
      world.after(ms + world.random.next() * 20, life, () => {
        if (member?.host.role !== 'leader') member?.host.step({ type: 'campaign' });
      });
  }

  #electedMeanwhile(host: SimulatedHost, plan: Comeback): void {
    if (plan.index === 0) return;
    const { first, second } = plan;
    if (second === undefined && host !== first) {
      plan.second = host;
      // Before its first entry leaves it.
      this.#expel(host);
      this.#after(2, () => this.#campaignAgain(first, host));
    } else if (host === first && second !== undefined) plan.again = true;
    // Somebody else leads: it was in vain, or it is done.
    else if (second !== undefined) this.#giveUp(plan);
  }

  /** A member has new entries in its log, which its leader does not know yet. */
  appended(host: SimulatedHost, entries: readonly Entry[]): void {
    const plan = this.#comeback;
    if (plan?.second === undefined || !plan.again || host === plan.first || host === plan.second) return;
    if (!entries.some(({ index, term }) => index === plan.index && term === plan.term)) return;
    const { network } = this.#o;
    const { first, second } = plan;
    // It has what is of the old term: its answer arrives, and nothing more comes.
    network.block(first.name, host.name);
    this.#after(15, () => {
      if (this.#comeback !== plan) return;
      this.#expel(first);
      this.#campaignAgain(second, first);
    });
  }

  /** A leader has new entries in its log. */
  accepted(leader: SimulatedHost, entries: readonly Entry[]): void {
    this.#acceptedByFirst(leader, entries);
    if (!this.#awaitsDecision || !entries.some(isDecision)) return;
    this.#awaitsDecision = false;
    const { world, network, healLater } = this.#o;
    const { random } = world;
    this.#after(random.next() * random.pick([0.5, 3, 10]), () => {
      world.say(() => `${leader.name} is lost with its decision`);
      this.#fallen = leader;
      for (const other of this.#others(leader)) {
        if (random.chance(0.2)) continue;
        network.resetBetween(leader.name, other.name);
        this.#cut(leader, other);
      }
      healLater();
    });
  }

  #acceptedByFirst(leader: SimulatedHost, entries: readonly Entry[]): void {
    const plan = this.#comeback;
    const last = entries.at(-1);
    if (plan?.first !== leader || plan.index !== 0 || last === undefined) return;
    plan.index = last.index;
    plan.term = last.term;
    const others = this.#others(leader);
    // Of five, one may have it.
    this.#expel(leader, others.length > 3 ? this.#o.world.random.pick(others) : undefined);
  }

  /** A member was elected. */
  elected(host: SimulatedHost): void {
    const { world, network, hosts } = this.#o;
    const { random } = world;
    if (this.#comeback !== undefined) this.#electedMeanwhile(host, this.#comeback);
    if (host === this.#calledBack) {
      this.#calledBack = undefined;
      network.repeat();
      // Who acknowledged to it before hears nothing of its new reign for a moment.
      const kept = this.#kept;
      if (kept === undefined) return;
      network.block(host.name, kept.name);
      world.after(random.pick([20, 100, 300]), undefined, () => network.reopen(host.name, kept.name));
    } else if (this.#fallen !== undefined && host !== this.#fallen) {
      this.#fallen = undefined;
      // The successor cannot settle what it inherited before its own first entry is written by most.
      const until = world.now + random.pick([0, 80, 200, 300]);
      for (const other of hosts) if (other !== host) other.stall('log', until);
    }
  }

  #isolate(leader: SimulatedHost, noticed = true): SimulatedHost | undefined {
    const { world, network } = this.#o;
    const others = this.#others(leader);
    if (others.length < 4) return undefined;
    const kept = world.random.pick(others);
    for (const other of others) {
      if (other === kept) continue;
      if (noticed) network.resetBetween(leader.name, other.name);
      this.#cut(leader, other);
      this.#cut(kept, other);
    }
    return kept;
  }

  /** The leader is cut off, and all others campaign at the same moment. */
  duel(leader: SimulatedHost): void {
    const { world, network } = this.#o;
    for (const other of this.#others(leader)) {
      network.resetBetween(leader.name, other.name);
      this.#cut(leader, other);
      const { member, life } = other;
      world.after(1 + world.random.next() * 3, life, () => member?.host.step({ type: 'campaign' }));
    }
    world.after(200 + world.random.next() * 200, undefined, () => network.heal());
  }

  /**
   * One follower does not hear the leader and would follow somebody else; another one, whose promise is all that the
   * leader has, loses power and is back at once, again and again.
   */
  blink(leader: SimulatedHost): void {
    const { world, network, crash, healLater } = this.#o;
    const { random } = world;
    const others = this.#others(leader);
    const deaf = others.length === 0 ? undefined : random.pick(others);
    const forgetful = others.find((other) => other !== deaf);
    if (deaf === undefined || forgetful === undefined) return;
    network.block(leader.name, deaf.name);
    for (let ms = 200 + random.next() * 200; ms < 1_500; ms += 100 + random.next() * 250)
      this.#after(ms, () => {
        // What the leader still says does not reach the next life.
        network.block(leader.name, forgetful.name);
        crash(forgetful, true, 4);
        world.after(250, undefined, () => network.unblock(leader.name, forgetful.name));
      });
    healLater();
  }

  /** A learner is lost for a while as soon as it knows that it is one, and so has what the others have. */
  loseNewcomer(host: SimulatedHost): void {
    const { world, active, crash } = this.#o;
    const { random } = world;
    const { life } = host;
    const until = world.now + newcomerMs;
    const look = (): void => {
      if (world.now > until) return;
      if (host.member?.isLearner === true && active()) {
        world.say(() => `${host.name} is lost as soon as it has caught up`);
        crash(host, random.chance(0.5), random.pick([2_000, 6_000]));
      } else world.after(lookMs, life, look);
    };
    look();
  }

  /** Somebody promises less than before: what it promised before counts when the leader falls silent now. */
  awaitWorstMoments(): void {
    const { world, hosts, over, freeze, healLater } = this.#o;
    const before = new Map<SimulatedHost, number>();
    const look = (): void => {
      if (over()) return;
      world.after(lookMs, undefined, look);
      for (const host of hosts) {
        const ticks = host.member?.pace.electionTicks ?? 0;
        const shorter = ticks > 0 && ticks < (before.get(host) ?? 0);
        before.set(host, ticks);
        const leader = hosts.find(({ member }) => member?.host.role === 'leader');
        if (!shorter || leader === undefined || leader === host) continue;
        if (!world.random.chance(0.7)) continue;
        world.say(() => `worst moment of ${host.name}: ${leader.name} falls silent`);
        // One that does not move cannot notice that nobody answers.
        if (world.random.chance(0.6)) freeze(leader, 2_000);
        else for (const other of this.#others(leader)) this.#cut(leader, other);
        healLater();
      }
    };
    look();
  }
}

/** Whether nobody asked for it but the leader itself, or it changes who decides. */
function isDecision({ type, data }: Entry): boolean {
  if (type !== 'normal') return type === 'config';
  return entryBatchCodec
    .decode(Buffer.from(data))
    .requests.some(({ leaseExpiry }) => leaseExpiry !== undefined);
}
