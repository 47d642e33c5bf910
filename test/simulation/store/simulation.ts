/**
 * One run: a whole cluster of real members under one seed, its clients, watchers and faults, and everything that is
 * checked after every step and at the end. The same options give the same run, to the last bit of `hash`.
 */
import type { KnownBug } from '../../../packages/store/src/known-bugs.ts';
import type { Member } from '../../../packages/store/src/member.ts';
import { isDiskFull } from '../../../packages/store/src/disk-room.ts';
import { IncompatibleVersionError, spoken } from '../../../packages/store/src/versions/entry-versions.ts';
import { Beliefs, textOf, wireType } from './beliefs.ts';
import { Clients } from './clients.ts';
import { Consensus } from './consensus.ts';
import { Faults } from './faults.ts';
import { checkHistory } from './history.ts';
import { SimulatedHost } from './host.ts';
import { checkLeases } from './leases.ts';
import { SimulatedNetwork } from './network.ts';
import { Operator } from './operator.ts';
import { drawProfile, type Profile, type ProfileName } from './profiles.ts';
import { Truth } from './truth.ts';
import { Watchers } from './watchers.ts';
import { Violation, World } from './world.ts';

export interface RunOptions {
  readonly seed: number;
  /** Events after which faults and clients end. */
  readonly steps: number;
  readonly bugs?: readonly KnownBug[];
  /** Instead of the one that the seed draws. */
  readonly profile?: ProfileName | undefined;
  /** Prints every line of the story at once. */
  readonly print?: boolean;
}

export interface Summary {
  readonly seed: number;
  readonly members: number;
  readonly profile: string;
  readonly hash: number;
  readonly steps: number;
  /** Simulated, in milliseconds; and how much of it with faults. */
  readonly ms: number;
  readonly faultMs: number;
  readonly faults: number;
  readonly delivered: number;
  readonly operations: number;
  readonly placed: number;
  readonly unknown: number;
  readonly found: number;
  readonly revisions: number;
  readonly elections: number;
  readonly events: number;
  readonly leaseEnds: number;
  readonly audits: number;
  readonly lives: number;
  /** Of the log, for which a member itself waited. */
  readonly directWrites: number;
  /** Of members, made by the operator; and learners that were promoted. */
  readonly changes: number;
  readonly promotions: number;
  /** Members that got another address; and how many of them together with others. */
  readonly moves: number;
  readonly movedTogether: number;
}

/** A run that ended in a violation. The story tells what led to it. */
export class RunFailure extends Error {
  readonly seed: number;
  readonly step: number;
  readonly story: string;

  constructor(seed: number, world: World, cause: unknown) {
    const text = cause instanceof Error ? cause.message : String(cause);
    super(`seed ${seed}, step ${world.steps}, ${(world.now / 1000).toFixed(1)} s: ${text}`, { cause });
    this.name = 'RunFailure';
    this.seed = seed;
    this.step = world.steps;
    this.story = world.story;
  }
}

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
/** After the faults have ended, everything must be settled within this time. */
const settleMs = 60_000;

/** Rejects with a RunFailure. */
export async function simulate(options: RunOptions): Promise<Summary> {
  const world = new World(options.seed, options.print);
  // A promise that nobody handles ends a real process.
  const unhandled = (error: unknown): void => world.fail(error);
  process.on('unhandledRejection', unhandled);
  try {
    return await new Simulation(world, options).run();
  } catch (error) {
    throw new RunFailure(options.seed, world, error);
  } finally {
    process.off('unhandledRejection', unhandled);
  }
}

/** Whether a member knows where another one is now. */
function isKnownBy({ host, membership }: Member, { id, url }: SimulatedHost): boolean {
  const { voters, learners } = host.configuration;
  const belongs = voters.includes(id) || learners.includes(id);
  return belongs && membership.members.get(id)?.peerUrls.join() === url;
}

class Simulation {
  readonly #world: World;
  readonly #options: RunOptions;
  readonly #network: SimulatedNetwork;
  readonly #hosts: readonly SimulatedHost[];
  readonly #truth: Truth;
  readonly #consensus: Consensus;
  readonly #beliefs: Beliefs;
  readonly #clients: Clients;
  readonly #watchers: Watchers;
  readonly #faults: Faults;
  readonly #operator: Operator | undefined;
  readonly #profile: Profile;
  /** By host: the state that was last compared with the truth as a whole. */
  readonly #audited = new Map<SimulatedHost, object>();

  constructor(world: World, options: RunOptions) {
    const { random } = world;
    this.#world = world;
    this.#options = options;
    this.#network = new SimulatedNetwork(world);
    const profile = drawProfile(random, options.profile);
    const { changeMs, hurry, witnesses, moving } = profile;
    this.#profile = profile;
    const founders = names.slice(0, profile.size);
    const settings = { ...profile, founders, bugs: new Set(options.bugs) };
    this.#hosts = (changeMs === undefined ? founders : names).map(
      (name) =>
        new SimulatedHost(name, world, this.#network, settings, {
          started: (host, member) => {
            this.#guard(() => this.#beliefs.started(host, member));
            this.#audit(host);
            this.#faults.started(host);
          },
          effects: (host, effects) => {
            this.#guard(() => {
              this.#consensus.effects(host, effects);
              this.#beliefs.effects(host, effects);
            });
            if (effects.accepted !== undefined) this.#faults.accepted(host, effects.append);
            else if (effects.append.length > 0) this.#faults.appended(host, effects.append);
            if (effects.roleChange?.role !== 'leader') return;
            this.#checkProofs(host, effects.roleChange.term);
            this.#faults.elected(host);
            this.#clients.elected();
          },
          apply: (host, member, entry) => this.#guard(() => this.#truth.apply(host, member, entry)),
          failed: (host, error) => {
            // Who was taken out meanwhile may come too late.
            if (error instanceof IncompatibleVersionError && this.#truth.removed.has(host.id)) {
              host.crash(false);
              host.removed = true;
              return;
            }
            const { voters, learners } = this.#truth.configuration;
            // The group did not wait for one whose addition came to nothing: it needs the newer release.
            if (error instanceof IncompatibleVersionError && ![...voters, ...learners].includes(host.id)) {
              host.older = false;
              this.#faults.ended(host);
              return;
            }
            if (host.room.state === 'none' && isDiskFull(error)) {
              this.#faults.ended(host);
              return;
            }
            world.fail(new Violation(`${host.name} cannot go on: ${error.message}`, { cause: error }));
          },
        }),
    );
    this.#truth = new Truth(
      world,
      this.#hosts.map(({ id }) => id).filter((id) => id !== ''),
    );
    this.#consensus = new Consensus(world, this.#truth, this.#hosts);
    this.#beliefs = new Beliefs(this.#truth, this.#consensus, this.#hosts);
    this.#operator =
      changeMs === undefined
        ? undefined
        : new Operator(world, this.#hosts, this.#truth, { changeMs, hurry, witnesses, moving });
    this.#clients = new Clients(world, this.#hosts, this.#truth, { ...profile.clients, bugs: settings.bugs });
    this.#watchers = new Watchers(world, this.#hosts, this.#truth, profile.watchers);
    this.#network.onRaft = (from, to, messages) => {
      this.#guard(() => this.#beliefs.arrived(from, to, messages));
      for (const { type, flag } of messages)
        if (type === wireType.voteResponse && flag === true) this.#faults.voted(from);
    };
    this.#faults = new Faults(world, this.#hosts, this.#network, profile.faults);
    world.afterEvent = () => this.#lookAround();
  }

  async run(): Promise<Summary> {
    const world = this.#world;
    const { steps, seed } = this.#options;
    world.say(() => `seed ${seed}: ${JSON.stringify(this.#profile)}`);
    for (const host of this.#hosts) host.start();
    this.#clients.start();
    this.#watchers.start();
    this.#faults.start();
    this.#operator?.start();
    await world.run(() => world.steps >= steps);
    await this.#settle();
    for (const host of this.#hosts) this.#audit(host);
    if (world.failure !== undefined) throw world.failure;
    const { history } = this.#clients;
    const verdict = checkHistory(this.#truth, history);
    const leaseEnds = checkLeases(this.#truth, history, this.#profile.drift);
    world.mix(this.#truth.revision);
    return {
      seed,
      profile: this.#profile.name ?? 'mixed',
      members: this.#truth.configurations[0]?.configuration.voters.length ?? 0,
      hash: world.hash,
      steps: world.steps,
      ms: world.now,
      faultMs: this.#faults.activeMs,
      faults: this.#faults.count,
      delivered: this.#network.delivered,
      operations: history.length,
      placed: verdict.placed,
      unknown: history.filter(({ outcome }) => outcome === 'unknown').length,
      found: verdict.found,
      revisions: this.#truth.revision,
      elections: this.#consensus.elections,
      events: this.#watchers.events,
      leaseEnds,
      audits: this.#truth.audits,
      changes: this.#operator?.changes ?? 0,
      promotions: this.#consensus.promotions,
      moves: this.#operator?.moves ?? 0,
      movedTogether: this.#operator?.movedTogether ?? 0,
      lives: this.#hosts.reduce((sum, { lives }) => sum + lives, 0),
      directWrites: this.#hosts.reduce((sum, { directWrites }) => sum + directWrites, 0),
    };
  }

  /** Ends all faults; then everyone must agree again, and every question must have an answer. */
  async #settle(): Promise<void> {
    const world = this.#world;
    world.say(() => 'faults end');
    this.#faults.end();
    this.#operator?.end();
    this.#clients.stop();
    const until = world.now + settleMs;
    world.after(settleMs / 3, undefined, () => this.#switchOff());
    await world.run(() => this.#settled() || world.now > until);
    if (this.#settled()) return;
    const states = this.#hosts
      .filter(({ id }) => id !== '')
      .map(({ name, member, removed }) =>
        member === undefined
          ? `${name} is ${removed ? 'removed' : 'down'}`
          : `${name} ${member.host.role} of term ${member.host.term} at ${member.machine.appliedIndex} of ${this.#truth.index}${followersOf(member)}`,
      );
    const watchers = this.#watchers.complete() ? '' : ', watchers wait';
    throw new Violation(
      `liveness: not settled ${settleMs / 1000} s after all faults ended: ${states.join(', ')}; ${this.#clients.waiting} requests wait${watchers}`,
    );
  }

  /**
   * Who knows nobody that could tell it that it was removed, and whose addition came to nothing, waits with its clients
   * until somebody switches it off.
   */
  #switchOff(): void {
    const { configuration, removed } = this.#truth;
    for (const host of this.#hosts) {
      const { id, member } = host;
      if (member === undefined || configuration.voters.includes(id) || configuration.learners.includes(id))
        continue;
      const canBeTold =
        removed.has(id) && this.#hosts.some((other) => !removed.has(other.id) && isKnownBy(member, other));
      if (canBeTold) continue;
      host.crash(false);
      host.removed = true;
    }
  }

  #settled(): boolean {
    return (
      this.#clients.waiting === 0 &&
      this.#operator?.settled !== false &&
      this.#hosts.every((host) => this.#isSettled(host)) &&
      this.#watchers.complete()
    );
  }

  /** Members run, have everything and agree on who they are; the others know that they are none. */
  #isSettled({ id, alive, member, removed, witness }: SimulatedHost): boolean {
    const { index, configuration } = this.#truth;
    if (id === '') return true;
    const members = this.#hosts.filter(
      (host) => configuration.voters.includes(host.id) || configuration.learners.includes(host.id),
    );
    const newest = Math.min(spoken.max, ...members.map(({ versions }) => versions.max));
    const belongs = (other: string): boolean =>
      configuration.voters.includes(other) || configuration.learners.includes(other);
    if (!belongs(id)) {
      if (removed && !alive) return true;
      // One whose addition came to nothing was never a member, and waits. Nor is one told that knows nobody any more,
      // or not where anybody is.
      return (
        !this.#truth.removed.has(id) ||
        (member !== undefined && !members.some((other) => isKnownBy(member, other)))
      );
    }
    return (
      alive &&
      member !== undefined &&
      (witness || members.every((other) => isKnownBy(member, other))) &&
      member.machine.appliedIndex === index &&
      member.host.leader !== null &&
      // Alarms of those that are gone stay until somebody takes them back, as in etcd.
      !member.machine.alarms.some((alarm) => belongs(alarm.member)) &&
      (member.machine.clusterVersion ?? 0) >= newest &&
      !(witness && member.host.role === 'leader') &&
      textOf(member.host.configuration) === textOf(configuration)
    );
  }

  /** A broken rule ends the run, not the member in whose step it was seen. */
  #guard(look: () => void): void {
    if (this.#world.failure !== undefined) return;
    try {
      look();
    } catch (error) {
      this.#world.fail(error);
    }
  }

  #audit(host: SimulatedHost): void {
    const { member } = host;
    // One that is about to have another state is looked at when it has it.
    if (member === undefined || member.disk.isReplacing) return;
    this.#audited.set(host, member.machine.state);
    this.#guard(() => this.#truth.audit(host, member));
  }

  /** After every event: states that were replaced by a snapshot are compared as a whole. */
  #lookAround(): void {
    this.#watchers.verify();
    for (const host of this.#hosts) {
      const { member } = host;
      if (member === undefined || this.#audited.get(host) === member.machine.state) continue;
      if (member.machine.flushed.index === member.machine.appliedIndex) this.#audit(host);
    }
  }

  /** Where nothing ends loyalty on purpose, nobody is elected while another's leadership is proven. */
  #checkProofs(elected: SimulatedHost, term: number): void {
    if (!this.#faults.loyal) return;
    for (const host of this.#hosts) {
      const { member } = host;
      // Whoever is elected late, for a term that is over already, can prove nothing.
      if (host === elected || member === undefined || member.host.term > term) continue;
      const left = member.leadership.leaseUntil - host.bootTime;
      if (left > 0)
        this.#world.fail(
          new Violation(
            `proof: ${elected.name} is elected, and ${host.name} has proof for ${left.toFixed(1)} ms more`,
          ),
        );
    }
  }
}

/** What a leader takes others to hold, and for how many ticks it has not heard of them. */
function followersOf({ host }: Member): string {
  if (host.role !== 'leader') return '';
  const each = [...host.status.progress].map(
    ([id, { state, match, silentTicks }]) => `${id} ${state} ${match}, heard ${silentTicks} ticks ago`,
  );
  return ` (${each.join('; ')})`;
}
