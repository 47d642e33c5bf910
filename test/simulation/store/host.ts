/**
 * One host of a simulated cluster: a disk and a clock that outlive the process, and the process, which is a real
 * member of the store on them.
 */
import type { Effects } from '@timonier/raft';
import { type InitialCluster, parseInitialCluster } from '../../../packages/store/src/cluster.ts';
import type { Pipeline } from '../../../packages/store/src/host-options.ts';
import type { KnownBugs } from '../../../packages/store/src/known-bugs.ts';
import { Member } from '../../../packages/store/src/member.ts';
import { identityIn } from '../../../packages/store/src/membership/roster.ts';
import type { Roster } from '../../../packages/store/src/peer-wire.ts';
import type { Platform } from '../../../packages/store/src/platform.ts';
import {
  firstVersion,
  spoken,
  type VersionRange,
} from '../../../packages/store/src/versions/entry-versions.ts';
import { simulatedClock } from './clock.ts';
import { addressOf } from './endpoint.ts';
import { MemoryLevels } from './levels.ts';
import { type DiskSpeed, type LogHost, MemoryLogDisk, SimulatedLogThread } from './log-disk.ts';
import type { SimulatedNetwork } from './network.ts';
import { Room } from './room.ts';
import { Life, type World } from './world.ts';

export interface HostSettings {
  /** Of the members that make the cluster. */
  readonly founders: readonly string[];
  readonly trailingEntries: number;
  readonly segmentBytes: number;
  /** Largest difference of a clock's speed from the true one. */
  readonly drift: number;
  readonly bugs: KnownBugs;
  /** Undefined: what a real member has. */
  readonly pipeline: Pipeline | undefined;
  /** Share of the hosts with a disk so quick that members wait for it themselves. */
  readonly quickDisks: number;
  /** Share of the hosts that begin with an older release. */
  readonly older: number;
}

export interface HostEvents {
  /** A life began and its member serves. */
  readonly started: (host: SimulatedHost, member: Member) => void;
  readonly effects: (host: SimulatedHost, effects: Effects) => void;
  /** Every entry passes here: `apply` does what the member does. */
  readonly apply: (
    host: SimulatedHost,
    member: Member,
    entry: Parameters<Member['machine']['apply']>[0],
  ) => void;
  /** A member says that it cannot go on, or does not start. */
  readonly failed: (host: SimulatedHost, error: Error) => void;
}

function urlOf(address: string): string {
  return `http://${address}:2380`;
}

/** Milliseconds of one synced write on a healthy disk, at most. */
const healthyWriteMs = 3;
/** As a part of that, on disks so quick that a member does not leave the wait to another thread. */
const quick = 0.05;

export class SimulatedHost {
  readonly name: string;
  /** Who its data says that it is; undefined while it has none. */
  identity: InitialCluster | undefined;
  witness = false;
  /** Runs an older release, which does not speak the newest version of the log. */
  older: boolean;
  /** The newest version of the log that its older release speaks. */
  readonly #olderSpeaks: number;
  /** Its data says that it was taken out of the cluster: it is of no use any more. */
  removed = false;
  /** Since when nothing lives or moves here, in milliseconds of true time. */
  goneSince: number | undefined;
  life = new Life();
  /** The member of the present life, once it serves. */
  member: Member | undefined;
  /** Factor on every write; 1 is healthy. */
  slowness = 1;
  /** No write of the log, or of the state, ends before this time. */
  #logStalledUntil = 0;
  #stateStalledUntil = 0;
  /** A change of its life is under way or planned: leave it alone. */
  busy = true;
  lives = 0;
  /** How often it got another address. */
  #moves = 0;
  /** Writes of the log for which a member itself waited. */
  directWrites = 0;
  readonly #diskFactor: number;
  readonly #world: World;
  readonly #network: SimulatedNetwork;
  readonly #settings: HostSettings;
  readonly #events: HostEvents;
  readonly room = new Room();
  #logDisk = new MemoryLogDisk(this.room);
  #levels = new MemoryLevels(this.room);
  readonly #speed: number;
  readonly #clockOffset: number;
  #promiseMs: number | undefined;
  #thread: SimulatedLogThread | undefined;
  #platform: Platform | undefined;

  constructor(
    name: string,
    world: World,
    network: SimulatedNetwork,
    settings: HostSettings,
    events: HostEvents,
  ) {
    this.name = name;
    this.life.end();
    this.#world = world;
    this.#network = network;
    this.#settings = settings;
    this.#events = events;
    this.older = settings.older > 0 && world.random.chance(settings.older);
    this.#olderSpeaks = this.older
      ? firstVersion + world.random.below(spoken.max - firstVersion)
      : spoken.max;
    this.#speed = 1 + (world.random.next() * 2 - 1) * settings.drift;
    this.#clockOffset = world.random.next() * 1_000_000;
    this.#diskFactor = world.random.chance(settings.quickDisks) ? quick : 1;
    if (!settings.founders.includes(name)) return;
    const founded = parseInitialCluster(this.#flag(settings.founders), name, 'simulated');
    this.identity = { ...founded, flagged: founded.members.filter((member) => member.name !== name) };
  }

  #flag(names: readonly string[]): string {
    return names.map((name) => `${name}=${urlOf(name)}`).join(',');
  }

  get address(): string {
    return addressOf(this.name, this.#moves);
  }

  get url(): string {
    return urlOf(this.address);
  }

  /** Where it is reached after the next move. */
  get nextUrl(): string {
    return urlOf(addressOf(this.name, this.#moves + 1));
  }

  /**
   * Has another address from now on, as with other `--initial-advertise-peer-urls`, and an `--initial-cluster` that says
   * where others are. Only between two lives.
   */
  move(flagged: NonNullable<InitialCluster['flagged']>): void {
    this.#moves += 1;
    if (this.identity === undefined) return;
    const { self } = this.identity;
    this.identity = { ...this.identity, self: { ...self, peerUrls: [this.url] }, flagged };
  }

  /** Empty while it is nobody. */
  get id(): string {
    return this.identity?.self.id ?? '';
  }

  /** Finds itself in what a member says, as with `--initial-cluster-state existing`. Throws when it is not there. */
  join(roster: Roster, witness: boolean): void {
    const known = roster.members.flatMap(({ peerUrls }) => peerUrls).map((url) => new URL(url).hostname);
    const flagged = parseInitialCluster(
      [...new Set([...known, this.address])]
        .map((address) => `${address === this.address ? this.name : address}=${urlOf(address)}`)
        .join(),
      this.name,
      'simulated',
    );
    this.identity = identityIn(roster, {
      name: this.name,
      peerUrls: [this.url],
      witness,
      flagged: flagged.members,
      versions: this.versions,
    });
    this.witness = witness;
  }

  /** Versions of the log that it speaks. */
  get versions(): VersionRange {
    return this.older ? { min: firstVersion, max: this.#olderSpeaks } : spoken;
  }

  /** Another machine in its place, with the same name and address and empty disks. */
  replace(): void {
    this.identity = undefined;
    this.removed = false;
    this.witness = false;
    this.#promiseMs = undefined;
    this.#logDisk = new MemoryLogDisk(this.room);
    this.#levels = new MemoryLevels(this.room);
  }

  /** CLOCK_BOOTTIME of this host. */
  get bootTime(): number {
    return this.#platform?.clock.bootTime() ?? 0;
  }

  get alive(): boolean {
    return this.member !== undefined && !this.life.over;
  }

  /** Writes end no earlier than `until`. */
  stall(what: 'log' | 'state' | 'both', until: number): void {
    if (what !== 'state') this.#logStalledUntil = until;
    if (what !== 'log') this.#stateStalledUntil = until;
  }

  #writeMs(stalledUntil: number): number {
    const { random, now } = this.#world;
    return (
      Math.max(0, stalledUntil - now) +
      (0.2 + random.next() * healthyWriteMs) * this.#diskFactor * this.slowness
    );
  }

  /** Starts a life. */
  start(): void {
    const cluster = this.identity;
    if (cluster === undefined || this.removed) return;
    const life = new Life();
    this.life = life;
    this.goneSince = undefined;
    this.#thread = undefined;
    this.lives += 1;
    this.busy = true;
    this.#platform = this.#createPlatform(life);
    const { trailingEntries } = this.#settings;
    const world = this.#world;
    world.say(() => `${this.name} starts`);
    const failed = (error: unknown): void => {
      if (!life.over) this.#events.failed(this, error instanceof Error ? error : new Error(String(error)));
    };
    Member.start({
      cluster,
      witness: this.witness,
      dataDir: this.name,
      listenPeers: [{ tls: false, host: this.address, port: 2380 }],
      peerTls: undefined,
      clientUrls: [`http://${this.name}:2379`],
      heartbeatMs: 50,
      electionMs: 250,
      maxElectionMs: 1_500,
      trailingEntries,
      quotaBytes: Infinity,
      autoDisarm: false,
      platform: this.#platform,
      log: {
        info: (fields, message) => this.#note(fields, message),
        warn: (fields, message) => this.#note(fields, message),
        error: (fields, message) => this.#note(fields, message),
      },
      onFailure: failed,
      onRemoved: () => {
        this.removed = true;
        this.stop().catch(failed);
      },
    }).then((member) => {
      if (life.over) return;
      this.member = member;
      this.busy = false;
      const { machine } = member;
      const apply = machine.apply.bind(machine);
      machine.apply = (entry) => {
        apply(entry);
        this.#events.apply(this, member, entry);
      };
      this.#events.started(this, member);
    }, failed);
  }

  /** The process is killed, and with `powerLoss` its machine loses power: what was not synced may be lost. */
  crash(powerLoss: boolean): void {
    const { random } = this.#world;
    this.#world.say(() => `${this.name} ${powerLoss ? 'loses power' : 'is killed'}`);
    this.#end();
    this.#thread?.interrupt(random);
    this.#logDisk.crash(powerLoss ? random : undefined);
    this.#levels.crash(powerLoss ? random : undefined);
    this.#network.ended(this.address, !powerLoss || random.chance(0.3));
  }

  /** Ends in order, as on SIGTERM. */
  async stop(): Promise<void> {
    const { member, life } = this;
    this.#world.say(() => `${this.name} is stopped`);
    this.busy = true;
    await member?.stop();
    if (life.over) return;
    this.#end();
    // Whatever it held open is let go of when its process ends: a snapshot that was being installed opens the state anew.
    this.#levels.crash(undefined);
  }

  #end(): void {
    this.life.end();
    this.member = undefined;
    this.goneSince ??= this.#world.now;
  }

  #createPlatform(life: Life): Platform {
    const world = this.#world;
    const logHost: LogHost = {
      writeMs: () => this.#writeMs(this.#logStalledUntil),
      directWrite: () => {
        this.directWrites += 1;
      },
    };
    const stateSpeed: DiskSpeed = { writeMs: () => this.#writeMs(this.#stateStalledUntil) };
    return {
      clock: simulatedClock(world, life, this.#speed, this.#clockOffset),
      bugs: this.#settings.bugs,
      versions: this.versions,
      ...(this.#settings.pipeline === undefined ? {} : { pipeline: this.#settings.pipeline }),
      observe: (effects) => this.#events.effects(this, effects),
      network: (options) => this.#network.open(this.address, life, options),
      storage: () => ({
        claim: () => undefined,
        levels: this.#levels.of(world, life, stateSpeed),
        log: {
          disk: this.#logDisk,
          segmentBytes: this.#settings.segmentBytes,
          startThread: (files, events) => {
            this.#thread = new SimulatedLogThread(world, life, this.#logDisk, logHost, files, events);
            return this.#thread;
          },
        },
        promises: {
          read: () => this.#promiseMs,
          write: (ms) =>
            new Promise((resolve, reject) => {
              world.after(stateSpeed.writeMs(), life, () => {
                try {
                  this.room.need();
                } catch (error) {
                  reject(error instanceof Error ? error : new Error(String(error)));
                  return;
                }
                this.#promiseMs = ms;
                resolve();
              });
            }),
        },
      }),
    };
  }

  #note(fields: object, message: string): void {
    this.#world.say(() => {
      const values = Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`);
      return `${this.name}: ${message} ${values.join(' ')}`;
    });
  }
}
