/**
 * Who changes the cluster while it lives: adds learners that are promoted by themselves, voters and witnesses, removes
 * members, dead or alive, puts new machines in the place of dead ones, and moves members to other addresses, one or
 * several at once, while it changes others. Asks any member, as `member add` does, and then starts who was added, as
 * `--initial-cluster-state existing` does.
 */
import { GrpcError } from '@timonier/grpc';
import type { NodeId } from '@timonier/raft';
import type { MemberChange, StoredMember } from '../../../packages/store/src/membership/change.ts';
import { IncompatibleVersionError } from '../../../packages/store/src/versions/entry-versions.ts';
import type { SimulatedHost } from './host.ts';
import type { Truth } from './truth.ts';
import type { World } from './world.ts';

export interface OperatorSettings {
  /** Mean time between two changes, in milliseconds. */
  readonly changeMs: number;
  /** Chance that another one is asked for at once. */
  readonly hurry: number;
  /** Whether there may be witnesses. */
  readonly witnesses: boolean;
  /** How many members may be on their way to other addresses at the same time. */
  readonly moving: number;
}

const mostMembers = 6;
const fewestVoters = 2;
const movesShare = 0.2;
/** How often those that move may be all that could be found where the log tells. */
const allMove = 0.3;
/** How long those that move together may be away, in milliseconds. */
const awayMs = [0, 0, 0, 300, 2_000];
/** What was asked for and not answered may be made for so long. */
const outcomeMs = 10_000;

export class Operator {
  /** Changes that were made. */
  changes = 0;
  /** Members that got another address; and how many of them together with others. */
  moves = 0;
  movedTogether = 0;
  readonly #world: World;
  readonly #hosts: readonly SimulatedHost[];
  readonly #truth: Truth;
  readonly #settings: OperatorSettings;
  /** Those that were asked for, by host, until they run. */
  readonly #expected = new Map<SimulatedHost, StoredMember>();
  /** Those that get another address, and which; and those that are, or may still be, taken out. */
  readonly #moving = new Map<SimulatedHost, string>();
  readonly #leaving = new Set<SimulatedHost>();
  #waiting = 0;
  #over = false;

  constructor(world: World, hosts: readonly SimulatedHost[], truth: Truth, settings: OperatorSettings) {
    this.#world = world;
    this.#hosts = hosts;
    this.#truth = truth;
    this.#settings = settings;
  }

  start(): void {
    const { random } = this.#world;
    this.#world.after(random.next() * 2 * this.#settings.changeMs, undefined, () => {
      if (this.#over) return;
      // The answer to one change is waited for, unless it takes too long; where somebody will be is told meanwhile.
      if (this.#waiting < 2 + this.#moving.size) {
        this.#change();
        if (random.chance(this.#settings.hurry)) this.#change();
      }
      this.start();
    });
  }

  /** Changes nothing any more. */
  end(): void {
    this.#over = true;
  }

  /** Whether every member that was added runs, and every one that moves has moved. */
  get settled(): boolean {
    return this.#waiting === 0 && this.#expected.size === 0 && this.#moving.size === 0;
  }

  #change(): void {
    const { random } = this.#world;
    const { voters, learners, witnesses = [] } = this.#truth.configuration;
    const members = this.#hosts.filter(({ id }) => voters.includes(id) || learners.includes(id));
    const free = this.#hosts.filter((host) => this.#isFree(host));
    const dead = members.filter(({ alive }) => !alive);
    const movers = random.chance(movesShare) ? this.#movers(members) : [];
    if (movers.length > 0) {
      this.#move(movers);
      return;
    }
    const mayAdd = free.length > 0 && members.length < mostMembers && learners.length === 0;
    if (mayAdd && (voters.length < 3 || random.chance(0.55))) {
      const witness = this.#settings.witnesses && witnesses.length === 0 && random.chance(0.6);
      this.#add(random.pick(free), witness, random.chance(0.75));
    } else if (voters.length > fewestVoters && (members.length > 4 || random.chance(0.5))) {
      const victim = random.pick(dead.length > 0 && random.chance(0.6) ? dead : members);
      const left = members.filter((host) => host !== victim);
      if (this.#moving.size === 0 || this.#isAnchored(left)) void this.#remove(victim);
    }
  }

  /** A machine that never was a member, or whose member was taken out for good and is known to be. */
  #isFree(host: SimulatedHost): boolean {
    if (host.alive || !host.life.over || this.#expected.has(host) || this.#moving.has(host)) return false;
    return host.id === '' || (host.removed && this.#truth.removed.has(host.id));
  }

  #add(host: SimulatedHost, witness: boolean, asLearner: boolean): void {
    const { random } = this.#world;
    const digits = Array.from({ length: 16 }, () => random.below(16).toString(16));
    const id = digits.join('').replace(/^0+/, '');
    host.replace();
    const member: StoredMember = {
      id,
      name: '',
      peerUrls: [host.url],
      clientUrls: [],
      ...(asLearner ? { autoPromote: true } : {}),
      ...(witness ? { witness } : {}),
    };
    this.#expected.set(host, member);
    void this.#ask({ kind: 'add', member, learner: asLearner });
    // Whatever the answer is: an added member is started some time, and one that was not is not there to find itself.
    this.#startLater(host, member, this.#world.now + 30_000);
  }

  #startLater(host: SimulatedHost, member: StoredMember, until: number): void {
    this.#world.after(this.#world.random.next() * 1_500, undefined, () => {
      const known = this.#hosts.filter(({ alive, id }) => alive && id !== '');
      const { removed } = this.#truth;
      if (
        removed.has(member.id) ||
        (this.#world.now > until && this.#waiting === 0 && !this.#belongs(member.id))
      ) {
        this.#expected.delete(host);
        return;
      }
      const other = known.length === 0 ? undefined : this.#world.random.pick(known);
      try {
        if (other?.member === undefined) throw new Error('nobody answers');
        host.join(other.member.membership.roster(), member.witness === true);
      } catch (error) {
        // Not there yet, or asked one that does not know it yet, or too old to come.
        if (error instanceof IncompatibleVersionError) host.older = false;
        this.#startLater(host, member, until);
        return;
      }
      if (host.id === member.id) this.#expected.delete(host);
      else this.#startAgain(host, member, until);
      host.start();
    });
  }

  /**
   * A new machine that asked one who did not know of the removal takes itself for its predecessor. Once it is told that it
   * was removed its disks are emptied, and it looks for itself again.
   */
  #startAgain(host: SimulatedHost, member: StoredMember, until: number): void {
    this.#world.after(500, undefined, () => {
      if (!host.removed || !host.life.over) {
        this.#startAgain(host, member, until);
        return;
      }
      host.replace();
      this.#startLater(host, member, until);
    });
  }

  #belongs(id: string): boolean {
    const { voters, learners } = this.#truth.configuration;
    return voters.includes(id) || learners.includes(id);
  }

  async #remove(host: SimulatedHost): Promise<void> {
    this.#leaving.add(host);
    if (!(await this.#ask({ kind: 'remove', id: host.id }))) await this.#pause(outcomeMs);
    this.#leaving.delete(host);
  }

  /**
   * Whether one of these stays where it is, with a vote and a state. Members that all went somewhere else have nothing but
   * their flags, which do not name whoever comes later.
   */
  #isAnchored(members: readonly SimulatedHost[]): boolean {
    const { voters, witnesses = [] } = this.#truth.configuration;
    return members.some(
      (host) =>
        voters.includes(host.id) &&
        !witnesses.includes(host.id) &&
        !this.#moving.has(host) &&
        !this.#leaving.has(host),
    );
  }

  /** Some that may move now. */
  #movers(members: readonly SimulatedHost[]): SimulatedHost[] {
    const { random } = this.#world;
    const mayAllMove = this.#truth.configuration.voters.length === 1 || random.chance(allMove);
    let staying = members.filter((host) => !this.#moving.has(host));
    const mayMove = this.#settings.moving - this.#moving.size;
    const movers: SimulatedHost[] = [];
    for (
      let wanted = mayMove > 0 ? 1 + random.below(mayMove) : 0;
      wanted > 0 && staying.length > 0;
      wanted -= 1
    ) {
      const mover = random.pick(staying);
      const left = staying.filter((host) => host !== mover);
      if (!mayAllMove && !this.#isAnchored(left)) continue;
      staying = left;
      movers.push(mover);
    }
    return movers;
  }

  /** Says where members will be and moves them there together, or does it the other way round. */
  #move(hosts: readonly SimulatedHost[]): void {
    const { random } = this.#world;
    const together = hosts.map((host) => ({ host, id: host.id, url: host.nextUrl }));
    const away = random.pick(awayMs);
    for (const { host, url } of together) this.#moving.set(host, url);
    const announce = (): Promise<unknown> =>
      Promise.all(together.map(({ id, url }) => this.#announce(id, url)));
    const carry = (): Promise<unknown> =>
      Promise.all(together.map(({ host, id }) => this.#carry(host, id, away)));
    const [first, second] = random.chance(0.7) ? [announce, carry] : [carry, announce];
    first()
      .then(second)
      .then(
        () => {
          for (const host of hosts) this.#moving.delete(host);
          this.moves += hosts.length;
          if (hosts.length > 1) this.movedTogether += hosts.length;
        },
        (error: unknown) => this.#world.fail(error),
      );
  }

  /** Asks again and again; whoever was taken out needs no address. */
  async #announce(id: NodeId, url: string): Promise<void> {
    while (!this.#truth.removed.has(id)) {
      if (await this.#ask({ kind: 'update', id, peerUrls: [url] })) return;
      await this.#pause(300);
    }
  }

  /** Ends the process in order if it lives, and starts it at its next address, `away` milliseconds later. */
  async #carry(host: SimulatedHost, id: NodeId, away: number): Promise<void> {
    const isThere = (): boolean => host.id === id && !host.removed;
    while (isThere()) {
      const { life } = host;
      if (host.alive && !host.busy && !life.frozen)
        host.stop().catch((error: unknown) => {
          if (!life.over) this.#world.fail(error);
        });
      if (life.over) {
        if (away > 0) await this.#pause(away);
        // Whoever watches over it started it again where it was.
        if (!host.life.over || !isThere()) continue;
        host.move(this.#flagsFor(host));
        this.#world.say(() => `${host.name} moves to ${host.url}`);
        host.start();
        return;
      }
      await this.#pause(20);
    }
  }

  /**
   * Whoever moves is told where the others are, since those that move with it cannot say so, and where they will be: a move
   * that is to be announced first may have to wait for this one.
   */
  #flagsFor(mover: SimulatedHost): { readonly name: string; readonly peerUrls: readonly string[] }[] {
    return this.#hosts
      .filter((host) => host !== mover && host.id !== '' && !host.removed)
      .map((host) => ({
        name: host.name,
        peerUrls: [...new Set([host.url, this.#moving.get(host) ?? host.url])],
      }));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#world.after(ms, undefined, resolve));
  }

  /** Resolves with whether it was made; false says nothing about what will be. */
  #ask(change: MemberChange): Promise<boolean> {
    return new Promise((resolve) => this.#askAnyone(change, resolve));
  }

  #askAnyone(change: MemberChange, answered: (made: boolean) => void): void {
    const asked = this.#hosts.filter(({ member, id }) => member !== undefined && this.#belongs(id));
    const host = asked.length === 0 ? undefined : this.#world.random.pick(asked);
    if (host?.member === undefined) {
      answered(false);
      return;
    }
    this.#world.say(() => `operator: ${textOf(change)}`);
    this.#waiting += 1;
    const { life } = host;
    let open = true;
    const done = (made: boolean): void => {
      if (!open) return;
      open = false;
      this.#waiting -= 1;
      life.mourners.delete(lost);
      answered(made);
    };
    const lost = (): void => done(false);
    life.mourners.add(lost);
    host.member.membership.make(change).then(
      () => {
        this.changes += 1;
        done(true);
      },
      (error: unknown) => {
        // Etcd's errors are answers.
        if (!(error instanceof GrpcError)) this.#world.fail(error);
        done(false);
      },
    );
  }
}

function textOf(change: MemberChange): string {
  if (change.kind === 'add') return `add ${change.member.peerUrls.join()}`;
  return change.kind === 'update'
    ? `update ${change.id} ${change.peerUrls.join()}`
    : `${change.kind} ${change.id}`;
}
