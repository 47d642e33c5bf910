/**
 * What goes wrong, and when. Quiet times and times of faults take turns, about half each; every seed chooses which
 * kinds of faults there are at all and how often they come, because faults hide each other's consequences.
 */
import type { SimulatedHost } from './host.ts';
import type { SimulatedNetwork } from './network.ts';
import type { World } from './world.ts';

const kinds = [
  'crash',
  'massacre',
  'powerLoss',
  'stop',
  'partition',
  'oneWay',
  'depose',
  'reset',
  'storm',
  'ambush',
  'freeze',
  'stall',
  'slowDisk',
  'transfer',
  'loss',
  'slowNet',
  'double',
  'overtake',
] as const;

type Kind = (typeof kinds)[number];

/** Those that break connections while everybody lives, after which a lease may overlap another leader on purpose. */
const endLoyalty: readonly Kind[] = ['reset', 'storm', 'ambush', 'transfer', 'stop', 'crash', 'massacre'];

export class Faults {
  /** Whether a proof of leadership must hold: nothing ends loyalty on purpose in this run. */
  readonly loyal: boolean;
  /** Milliseconds of true time with faults active. */
  activeMs = 0;
  count = 0;
  /** Leaders are cut off again and again before they have copied everything, and little else goes wrong. */
  readonly shortReigns: boolean;
  readonly #world: World;
  readonly #hosts: readonly SimulatedHost[];
  readonly #network: SimulatedNetwork;
  readonly #kinds: readonly Kind[];
  readonly #paceMs: number;
  readonly #downMs: number;
  #active = false;
  #over = false;

  constructor(
    world: World,
    hosts: readonly SimulatedHost[],
    network: SimulatedNetwork,
    shortReigns: boolean,
  ) {
    const { random } = world;
    this.#world = world;
    this.#hosts = hosts;
    this.#network = network;
    this.shortReigns = shortReigns;
    this.loyal = !shortReigns && random.chance(0.3);
    network.mayReset = !this.loyal;
    const share = shortReigns ? 0.1 : random.pick([0.15, 0.4, 0.7]);
    const possible = kinds.filter((kind) => !this.loyal || !endLoyalty.includes(kind));
    const chosen = possible.filter(() => random.chance(share));
    this.#kinds = chosen.length === 0 ? [random.pick(possible)] : chosen;
    this.#paceMs = random.pick([20, 60, 250]);
    this.#downMs = random.pick([20, 200, 2_000]);
  }

  get names(): readonly string[] {
    return this.#kinds;
  }

  /** A member was elected. */
  elected(host: SimulatedHost): void {
    const { random } = this.#world;
    if (!this.#active) return;
    if (this.#kinds.includes('ambush') && random.chance(0.5)) {
      this.#ambush(host);
      return;
    }
    if (!this.shortReigns) return;
    this.#world.after(random.next() * random.pick([3, 12, 60]), undefined, () => {
      if (!this.#active) return;
      this.#network.heal();
      for (const other of this.#hosts)
        if (other !== host && random.chance(0.75)) {
          this.#network.block(host.name, other.name);
          this.#network.block(other.name, host.name);
        }
      // Nobody waits for a timeout: a closed connection ends loyalty.
      if (random.chance(0.1)) this.#crash(host, random.chance(0.5));
      else this.#network.reset(1, host.name);
    });
  }

  /** The new leader is cut off, and others lose power, before anything of its election has settled. */
  #ambush(host: SimulatedHost): void {
    const { random } = this.#world;
    this.count += 1;
    this.#world.after(random.next() * 2, undefined, () => {
      if (!this.#active) return;
      for (const other of this.#hosts) {
        if (other === host) continue;
        this.#network.block(host.name, other.name);
        this.#network.block(other.name, host.name);
        if (random.chance(0.4)) this.#crash(other, true);
      }
      this.#healLater();
    });
  }

  start(): void {
    this.#turn();
    this.#next();
  }

  /** Ends all faults for good, and brings everybody back. */
  end(): void {
    this.#over = true;
    this.#active = false;
    this.#calm();
    for (const host of this.#hosts) {
      if (host.life.frozen) this.#world.thaw(host.life);
      host.stalledUntil = 0;
    }
  }

  #turn(): void {
    // Reigns that are short need many of them before anything goes wrong.
    const stretch = this.shortReigns && this.#active ? 4 : 1;
    const ms = stretch * this.#world.random.pick([300, 1_000, 2_500]);
    this.#world.after(ms, undefined, () => {
      if (this.#over) return;
      if (this.#active) this.activeMs += ms;
      this.#active = !this.#active;
      if (!this.#active) this.#calm();
      this.#turn();
    });
  }

  #calm(): void {
    this.#network.heal();
    Object.assign(this.#network.weather, { delayMs: 1, lose: 0, double: 0, overtake: 0 });
    for (const host of this.#hosts) host.slowness = 1;
  }

  #next(): void {
    const { random } = this.#world;
    this.#world.after(random.next() * 2 * this.#paceMs, undefined, () => {
      if (this.#over) return;
      if (this.#active) this.#strike(random.pick(this.#kinds));
      this.#next();
    });
  }

  #strike(kind: Kind): void {
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
      case 'freeze':
        this.#freeze(victim);
        return;
      case 'stall':
        victim.stalledUntil = this.#world.now + random.pick([100, 700, 2_500]);
        return;
      case 'slowDisk':
        victim.slowness = random.pick([1, 10, 60]);
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

  #crash(host: SimulatedHost, powerLoss: boolean): void {
    // A member that is just starting can be hit as well, once it has a disk to lose something from.
    if (host.life.over) return;
    host.crash(powerLoss);
    this.#restart(host);
  }

  #restart(host: SimulatedHost): void {
    const { random } = this.#world;
    host.busy = true;
    this.#world.after(random.next() * 2 * this.#downMs, undefined, () => {
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

  #freeze(host: SimulatedHost): void {
    const { life } = host;
    if (life.over || life.frozen) return;
    life.frozen = true;
    this.#world.after(this.#world.random.pick([30, 300, 1_200, 5_000]), undefined, () => {
      if (life.frozen && !life.over) this.#world.thaw(life);
    });
  }
}
