/**
 * What goes wrong, and when. Quiet times and times of faults take turns, about half each; which kinds of faults there
 * are at all and how often they come is the profile's (profiles.ts), because faults hide each other's consequences.
 */
import type { Entry } from '@timonier/raft';
import { Ambushes } from './ambushes.ts';
import type { SimulatedHost } from './host.ts';
import type { SimulatedNetwork } from './network.ts';
import type { FaultKind, Profile } from './profiles.ts';
import type { World } from './world.ts';

export class Faults {
  /** Milliseconds of true time with faults active. */
  activeMs = 0;
  count = 0;
  readonly #world: World;
  readonly #hosts: readonly SimulatedHost[];
  readonly #network: SimulatedNetwork;
  readonly #settings: Profile['faults'];
  readonly #ambushes: Ambushes;
  #active: boolean;
  #activeSince = 0;
  #over = false;

  constructor(
    world: World,
    hosts: readonly SimulatedHost[],
    network: SimulatedNetwork,
    settings: Profile['faults'],
  ) {
    this.#world = world;
    this.#hosts = hosts;
    this.#network = network;
    this.#settings = settings;
    this.#active = world.random.chance(0.5);
    network.mayReset = !settings.loyal;
    this.#ambushes = new Ambushes({
      world,
      hosts,
      network,
      active: () => this.#active && !this.#over,
      over: () => this.#over,
      crash: (host, powerLoss, downMs) => this.#crash(host, powerLoss, downMs),
      freeze: (host, ms) => this.#freeze(host, ms),
      healLater: () => this.#healLater(),
    });
  }

  /** Whether a proof of leadership must hold: nothing ends loyalty on purpose in this run. */
  get loyal(): boolean {
    return this.#settings.loyal;
  }

  /** A member ends by itself, or does not start: whoever watches over it starts it again. */
  ended(host: SimulatedHost): void {
    host.crash(false);
    this.#restart(host, 500);
  }

  /** A leader has entries in its log that nobody else has yet. */
  accepted(leader: SimulatedHost, entries: readonly Entry[]): void {
    if (this.#active && !this.#over) this.#ambushes.accepted(leader, entries);
  }

  /** A follower has new entries. */
  appended(host: SimulatedHost, entries: readonly Entry[]): void {
    if (this.#active && !this.#over) this.#ambushes.appended(host, entries);
  }

  /** A member runs. */
  started(host: SimulatedHost): void {
    if (this.#settings.newcomers && !this.#over && this.#world.random.chance(0.7))
      this.#ambushes.loseNewcomer(host);
  }

  /** A member was elected. */
  elected(host: SimulatedHost): void {
    const { random } = this.#world;
    if (!this.#active || this.#over) return;
    const { kinds, onElection } = this.#settings;
    this.#ambushes.elected(host);
    if (kinds.includes('ambush') && random.chance(0.5)) {
      this.count += 1;
      this.#ambushes.cutOffAtOnce(host);
    } else if (onElection === 'reign-ends') this.#ambushes.endReign(host);
    else if (onElection === 'late-mail') this.#ambushes.deliverLate();
  }

  /** A vote has arrived. */
  voted(voter: string): void {
    if (!this.#active || this.#over || !this.#settings.amnesia || !this.#world.random.chance(0.4)) return;
    const host = this.#hosts.find(({ id }) => id === voter);
    if (host !== undefined) this.#crash(host, this.#world.random.chance(0.5));
  }

  start(): void {
    this.#calm();
    this.#turn();
    this.#next();
    if (this.#settings.worstMoments) this.#ambushes.awaitWorstMoments();
  }

  /** Ends all faults for good, and brings everybody back. */
  end(): void {
    this.#over = true;
    if (this.#active) this.activeMs += this.#world.now - this.#activeSince;
    this.#active = false;
    this.#calm();
    this.#network.weather.delayMs = 1;
    this.#network.weather.double = 0;
    for (const host of this.#hosts) {
      if (host.life.frozen) this.#world.thaw(host.life);
      host.stall('both', 0);
      host.room.state = 'plenty';
    }
  }

  #turn(): void {
    const { random } = this.#world;
    const { activeMs, quietMs } = this.#settings;
    this.#world.after(random.pick(this.#active ? activeMs : quietMs), undefined, () => {
      if (this.#over) return;
      if (this.#active) this.activeMs += this.#world.now - this.#activeSince;
      this.#active = !this.#active;
      this.#activeSince = this.#world.now;
      if (!this.#active) this.#calm();
      this.#turn();
    });
  }

  #calm(): void {
    this.#network.heal();
    const { delayMs, double, echoMs } = this.#settings;
    Object.assign(this.#network.weather, { delayMs, lose: 0, double, overtake: 0, echoMs });
    for (const host of this.#hosts) host.slowness = 1;
  }

  #next(): void {
    const { random } = this.#world;
    this.#world.after(random.next() * 2 * this.#settings.paceMs, undefined, () => {
      if (this.#over) return;
      const { kinds } = this.#settings;
      if (this.#active && kinds.length > 0) this.#strike(random.pick(kinds));
      this.#next();
    });
  }

  #strike(kind: FaultKind): void {
    const { random } = this.#world;
    const network = this.#network;
    const host = random.pick(this.#hosts);
    const leader = this.#hosts.find(({ alive, member }) => alive && member?.host.role === 'leader');
    // Leaders are where most can go wrong.
    const victim = leader !== undefined && random.chance(0.4) ? leader : host;
    this.count += 1;
    this.#world.say(() => `fault ${kind} ${victim.name}`);
    switch (kind) {
      case 'crash':
        this.#crash(victim, false);
        return;
      case 'powerLoss':
        this.#crash(victim, true);
        return;
      case 'massacre':
        if (random.chance(0.3)) for (const each of this.#hosts) this.#crash(each, true);
        return;
      case 'stop':
        this.#stop(victim);
        return;
      case 'partition':
        for (const other of this.#hosts)
          if (random.chance(0.5)) {
            network.block(victim.name, other.name);
            network.block(other.name, victim.name);
          }
        this.#healLater();
        return;
      case 'oneWay':
        for (const other of this.#hosts) if (random.chance(0.6)) network.block(victim.name, other.name);
        this.#healLater();
        return;
      case 'depose':
        for (const other of this.#hosts) {
          network.block((leader ?? victim).name, other.name);
          network.block(other.name, (leader ?? victim).name);
        }
        this.#healLater();
        return;
      case 'reset':
        network.reset(random.pick([0.3, 1]));
        return;
      case 'storm':
        network.reset(1);
        for (const { life, member } of this.#hosts)
          if (random.chance(0.7))
            this.#world.after(random.next() * 8, life, () => member?.host.step({ type: 'campaign' }));
        return;
      case 'ambush':
        // Waits for an election; see elected.
        network.reset(1);
        return;
      case 'usurp':
        if (leader !== undefined) this.#ambushes.usurp(leader);
        return;
      case 'relapse':
        if (leader !== undefined) this.#ambushes.relapse(leader);
        return;
      case 'comeback':
        if (leader !== undefined) this.#ambushes.comeback(leader);
        return;
      case 'limbo':
        this.#ambushes.awaitDecision();
        return;
      case 'duel':
        if (leader !== undefined) this.#ambushes.duel(leader);
        return;
      case 'blink':
        if (leader !== undefined) this.#ambushes.blink(leader);
        return;
      case 'freeze':
        this.#freeze(victim);
        return;
      case 'stall':
        victim.stall(random.pick(['log', 'state', 'both']), this.#world.now + random.pick([100, 700, 2_500]));
        return;
      case 'slowDisk':
        victim.slowness = random.pick([1, 10, 60]);
        return;
      case 'fullDisk':
        victim.room.state = random.pick(['low', 'none']);
        this.#world.after(random.pick([300, 1_500, 5_000]), undefined, () => (victim.room.state = 'plenty'));
        return;
      case 'transfer':
        // Nobody waits for it; a refusal is an answer too.
        leader?.member?.transfer(random.chance(0.5) ? host.id : undefined).catch(() => undefined);
        return;
      case 'loss':
        network.weather.lose = random.pick([0, 0.02, 0.3]);
        return;
      case 'slowNet':
        network.weather.delayMs = random.pick([1, 10, 80, 250]);
        return;
      case 'double':
        network.weather.double = random.pick([0, 0.1]);
        return;
      case 'overtake':
        network.weather.overtake = random.pick([0, 0.2]);
        return;
    }
  }

  #healLater(): void {
    this.#world.after(this.#world.random.pick([100, 800, 3_000]), undefined, () => this.#network.heal());
  }

  #crash(host: SimulatedHost, powerLoss: boolean, downMs = this.#settings.downMs): void {
    // A member that is just starting can be hit as well, once it has a disk to lose something from.
    if (host.life.over) return;
    host.crash(powerLoss);
    this.#restart(host, downMs);
  }

  #restart(host: SimulatedHost, downMs = this.#settings.downMs): void {
    const { random } = this.#world;
    host.busy = true;
    this.#world.after(random.next() * 2 * downMs, undefined, () => {
      if (!host.life.over) return;
      if (host.older && random.chance(0.3)) {
        this.#world.say(() => `${host.name} is upgraded`);
        host.older = false;
      }
      host.start();
    });
  }

  #stop(host: SimulatedHost): void {
    if (host.busy || host.life.frozen) return;
    const { life } = host;
    host.stop().then(
      () => this.#restart(host),
      (error: unknown) => {
        if (!life.over) this.#world.fail(error);
      },
    );
  }

  #freeze(host: SimulatedHost, ms = this.#world.random.pick([30, 300, 1_200, 5_000])): void {
    const { life } = host;
    if (life.over || life.frozen) return;
    life.frozen = true;
    this.#world.after(ms, undefined, () => {
      if (life.frozen && !life.over) this.#world.thaw(life);
    });
  }
}
