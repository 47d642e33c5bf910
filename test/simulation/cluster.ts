/**
 * A whole Raft group in one thread under one seed: members with disks that forget, a network that loses, delays,
 * reorders, duplicates and partitions, clients that write and read, an operator who changes membership.
 *
 * Each turn one thing happens, chosen by the seed with weights that the seed chose before (so that every seed has its
 * own mix of faults, and some have none of a kind). The checker looks at every step. A seed replays exactly.
 */
import assert from 'node:assert/strict';
import { encodeConfiguration, type Configuration, type Effects, type Mutation } from '@timonier/raft';
import { MemoryHost, type Packet } from '@timonier/raft/memory-host';
import { Checker, type PendingRead } from './checker.ts';
import { chooseMix, type Action, type Mix } from './mix.ts';
import { Random } from './random.ts';

const MAX_PACKETS_PER_LINK = 64;
const encoder = new TextEncoder();

interface Member {
  readonly host: MemoryHost;
  /** Turns until a crashed member comes back; 0 when it is up. */
  down: number;
  /** Reads waiting for their barrier, then for their index to be applied. */
  readonly barriers: Map<number, PendingRead>;
  served: { index: number; read: PendingRead }[];
  /** Own proposals by index, with the term that must be found there. */
  readonly proposals: Map<number, number>;
}

export interface RunOptions {
  readonly seed: number;
  readonly turns: number;
  readonly mutations?: readonly Mutation[];
}

export class Simulation {
  readonly checker = new Checker();
  readonly #random: Random;
  readonly #members = new Map<string, Member>();
  readonly #ids: string[] = [];
  readonly #links = new Map<string, Packet[]>();
  readonly #blocked = new Set<string>();
  readonly #weights: Mix['weights'];
  readonly #totalWeight: number;
  readonly #inOrder: number;
  /** Packets of a link that may arrive, and writes that may finish, together. */
  readonly #burst: number;
  readonly #longestOutage: number;
  readonly #changing: boolean;
  #now = 0;
  #values = 0;
  #contexts = 0;

  constructor(options: RunOptions) {
    const random = new Random(options.seed);
    this.#random = random;
    const { weights, shortReigns } = chooseMix(random);
    this.#weights = weights;
    this.#totalWeight = this.#weights.reduce((sum, [, weight]) => sum + weight, 0);
    this.#longestOutage = random.pick([20, 200, 1000]);
    this.#burst = random.pick([1, 1, 1, 5]);
    this.#inOrder = random.pick([1, 0.95, 0.6]);
    const voters = ['a', 'b', 'c', 'd', 'e'].slice(0, shortReigns ? 5 : random.pick([3, 3, 5, 5, 2]));
    const learners = random.chance(0.3) ? ['f'] : [];
    const witnesses = !shortReigns && random.chance(0.3) ? [random.pick(voters)] : [];
    const configuration: Configuration = {
      voters,
      learners,
      ...(witnesses.length === 0 ? {} : { witnesses }),
    };
    const electionTicks = shortReigns ? 4 : random.pick([4, 10]);
    const maxInflight = shortReigns ? 1 : random.pick([1, 2, 6]);
    const maxAppendBytes = shortReigns ? 1 : random.pick([1, 8, 1000]);
    this.#changing = this.#weights.some(([action, weight]) => action === 'configure' && weight > 0);
    const outsiders = ['a', 'b', 'c', 'd', 'e', 'f'].filter((id) => this.#changing && !voters.includes(id));
    for (const id of new Set([...voters, ...configuration.learners, ...outsiders])) {
      this.#ids.push(id);
      const raft = {
        id,
        electionTicks,
        heartbeatTicks: electionTicks === 4 ? 1 : 2,
        random: () => random.next(),
        maxInflight,
        maxAppendBytes,
        mutations: new Set(options.mutations),
      };
      const host = new MemoryHost(raft, configuration, (from, effects) => this.#observe(from, effects));
      this.#members.set(id, { host, down: 0, barriers: new Map(), served: [], proposals: new Map() });
    }
  }

  turn(): void {
    this.#now += 1;
    let at = this.#random.next() * this.#totalWeight;
    for (const [action, weight] of this.#weights) {
      at -= weight;
      if (at >= 0) continue;
      this.#act(action);
      break;
    }
    for (const member of this.#members.values()) {
      if (member.down > 0 && --member.down > 0) continue;
      this.#collect(member);
    }
  }

  /**
   * Every fault ends. Within a bounded time there must be a leader that commits something new, and every member of its
   * configuration must have it: nothing that happened may leave the group stuck.
   */
  calmDown(): void {
    this.#blocked.clear();
    for (const member of this.#members.values()) {
      member.down = 0;
      member.host.step({ type: 'disk-stalled', stalled: false });
    }
    let target = Infinity;
    let proposedIn = 0;
    for (let round = 0; round < 300; round += 1) {
      for (const { host } of this.#members.values()) host.step({ type: 'tick', now: (this.#now += 1) });
      this.#carryAll();
      const leader = this.#anyLeader();
      if (leader === undefined || !leader.host.node.status.termCommitted) continue;
      // What a leader proposes that is about to leave, because it was removed, may be lost with it.
      const { term } = leader.host.node.status;
      if (term !== proposedIn) {
        this.#propose(leader);
        target = leader.host.log.lastIndex();
        proposedIn = term;
        continue;
      }
      const { voters, learners } = leader.host.node.status.configuration;
      if ([...voters, ...learners].every((id) => this.#member(id).host.state.index >= target)) return;
    }
    const states = [...this.#members.values()].map(({ host }) => {
      const { role, term, commit, lastIndex } = host.node.status;
      return `${host.id} ${role} ${term} ${commit}/${lastIndex}`;
    });
    assert.fail(`liveness: stuck after all faults ended, target ${target}: ${states.join(', ')}`);
  }

  #carryAll(): void {
    for (let round = 0; round < 50; round += 1) {
      let moved = false;
      for (const member of this.#members.values()) {
        member.host.flush();
        this.#collect(member);
      }
      for (const link of this.#links.values()) {
        while (link.length > 0) {
          moved = true;
          this.#carryOne('deliver', link, true);
        }
      }
      if (!moved) return;
    }
  }

  #act(action: Action): void {
    const random = this.#random;
    const member = this.#member(random.pick(this.#ids));
    const { host } = member;
    if (action === 'heal') this.#blocked.clear();
    else if (action === 'partition') this.#partition();
    else if (action === 'depose') this.#depose();
    else if (action === 'deliver' || action === 'lose' || action === 'duplicate') this.#carry(action);
    else if (action === 'storm') this.#storm();
    else if (member.down > 0) return;
    else if (action === 'tick') host.step({ type: 'tick', now: this.#now });
    else if (action === 'write')
      for (let i = random.below(this.#burst); i >= 0 && host.completeWrite(); i -= 1);
    else if (action === 'propose') this.#propose(member);
    else if (action === 'read') this.#read(member);
    else if (action === 'crash') this.#crash(member);
    else if (action === 'closed') host.step({ type: 'peer-closed', peer: random.pick(this.#ids) });
    else if (action === 'stall') host.step({ type: 'disk-stalled', stalled: random.chance(0.3) });
    else if (action === 'transfer') host.step({ type: 'transfer', target: random.pick(this.#ids) });
    else if (action === 'campaign') host.step({ type: 'campaign' });
    else if (action === 'compact') this.#compact(member);
    else this.#configure(member);
  }

  #member(id: string): Member {
    const member = this.#members.get(id);
    assert.ok(member !== undefined, `no member ${id}`);
    return member;
  }

  #anyLeader(): Member | undefined {
    const leaders = [...this.#members.values()].filter(
      (m) => m.down === 0 && m.host.node.status.role === 'leader',
    );
    return leaders.length === 0 ? undefined : this.#random.pick(leaders);
  }

  /** Puts what a member said on the links, and completes what its applied state allows. */
  #collect(member: Member): void {
    const { host } = member;
    for (const packet of host.outbox) {
      const key = `${packet.message.from}${packet.message.to}`;
      let link = this.#links.get(key);
      if (link === undefined) this.#links.set(key, (link = []));
      if (this.#blocked.has(key) || link.length >= MAX_PACKETS_PER_LINK) this.#lost(packet);
      else link.push(packet);
    }
    host.outbox = [];
    for (const peer of host.unsent.splice(0)) host.step({ type: 'snapshot-failed', peer });
    this.checker.checkState(host);
    if (member.served.length === 0) return;
    member.served = member.served.filter(({ index, read }) => {
      if (host.state.index < index) return true;
      this.checker.readCompletes(read);
      return false;
    });
  }

  #lost({ message }: Packet): void {
    const sender = this.#member(message.from);
    if (sender.down > 0) return;
    if (message.type === 'snapshot') sender.host.step({ type: 'snapshot-failed', peer: message.to });
    else if (this.#random.chance(0.3)) sender.host.step({ type: 'unreachable', peer: message.to });
  }

  #carry(action: 'deliver' | 'lose' | 'duplicate'): void {
    const busy: Packet[][] = [];
    for (const link of this.#links.values()) if (link.length > 0) busy.push(link);
    if (busy.length === 0) return;
    const link = this.#random.pick(busy);
    for (
      let burst = action === 'deliver' ? this.#random.below(5) : 0;
      burst >= 0 && link.length > 0;
      burst -= 1
    ) {
      this.#carryOne(action, link);
    }
  }

  #carryOne(action: 'deliver' | 'lose' | 'duplicate', link: Packet[], inOrder = false): void {
    const at = inOrder || this.#random.chance(this.#inOrder) ? 0 : this.#random.below(link.length);
    const [packet] = action === 'duplicate' ? link.slice(at, at + 1) : link.splice(at, 1);
    if (packet === undefined) return;
    const { message } = packet;
    const receiver = this.#member(message.to);
    if (action === 'lose' || receiver.down > 0 || this.#blocked.has(`${message.from}${message.to}`)) {
      if (action !== 'duplicate') this.#lost(packet);
      return;
    }
    receiver.host.receive(packet);
    const sender = this.#member(message.from);
    if (message.type === 'snapshot' && sender.down === 0) {
      sender.host.step({ type: 'snapshot-sent', peer: message.to });
    }
  }

  #partition(): void {
    const leader = this.#random.chance(0.5) ? this.#anyLeader() : undefined;
    if (this.#random.chance(0.5)) this.#blocked.clear();
    // Half of the time a leader is left with at most one other member.
    if (leader !== undefined) this.#separate(new Set([leader.host.id, this.#random.pick(this.#ids)]), false);
    else this.#separate(new Set(this.#ids.filter(() => this.#random.chance(0.5))), this.#random.chance(0.3));
  }

  /** Cuts off a leader that has not committed anything of its own yet, which is when most can go wrong. */
  #depose(): void {
    const leader = this.#anyLeader();
    if (leader === undefined || leader.host.node.status.termCommitted) return;
    this.#blocked.clear();
    this.#separate(new Set([leader.host.id, this.#random.pick(this.#ids)]), false);
  }

  #separate(side: ReadonlySet<string>, oneWay: boolean): void {
    for (const from of this.#ids) {
      for (const to of this.#ids) {
        if (side.has(from) && !side.has(to)) this.#blocked.add(`${from}${to}`);
        if (!oneWay && !side.has(from) && side.has(to)) this.#blocked.add(`${from}${to}`);
      }
    }
  }

  /** Every connection is reset, and nobody is dead. */
  #storm(): void {
    for (const { host, down } of this.#members.values()) {
      if (down > 0) continue;
      for (const peer of this.#ids) if (peer !== host.id) host.step({ type: 'peer-closed', peer });
    }
  }

  #propose(member: Member): void {
    const entries = Array.from({ length: 1 + this.#random.below(3) }, () => {
      const value = `v${(this.#values += 1)}`;
      this.checker.writeBegins(value);
      return { data: encoder.encode(value) };
    });
    member.host.step({ type: 'propose', entries });
  }

  #read(member: Member): void {
    const context = (this.#contexts += 1);
    member.barriers.set(context, { host: member.host, floor: this.checker.floor });
    member.host.step({ type: 'read', context, now: this.#now });
  }

  #crash(chosen: Member): void {
    const member = (this.#random.chance(0.3) ? this.#anyLeader() : undefined) ?? chosen;
    const { host } = member;
    const written = this.#random.chance(0.5) ? 0 : this.#random.below(host.writes.length + 1);
    member.barriers.clear();
    member.served = [];
    member.proposals.clear();
    host.restart(written);
    member.down = 1 + this.#random.below(this.#longestOutage);
    for (const other of this.#members.values()) {
      if (other === member || other.down > 0 || this.#random.chance(0.3)) continue;
      other.host.step({ type: 'peer-closed', peer: host.id });
    }
  }

  #compact({ host }: Member): void {
    const before = host.log.firstIndex();
    host.compact();
    const { voters, witnesses = [] } = host.node.status.configuration;
    // A leader's snapshot may have brought it further. Where members come and go, a new voter lacks everything at first.
    if (!witnesses.includes(host.id) || host.log.firstIndex() === before || this.#changing) return;
    for (const id of voters) {
      if (witnesses.includes(id)) continue;
      const { lastIndex } = this.#member(id).host.node.status;
      const first = host.log.firstIndex();
      assert.ok(first <= lastIndex + 1, `witness ${host.id} begins at ${first}, ${id} ends at ${lastIndex}`);
    }
  }

  #configure({ host }: Member): void {
    const { voters, learners, witnesses = [] } = host.node.status.configuration;
    const id = this.#random.pick(this.#ids);
    const others = { voters: voters.filter((x) => x !== id), learners: learners.filter((x) => x !== id) };
    const next = this.#random.pick([
      { ...others, voters: [...others.voters, id] },
      { ...others, learners: [...others.learners, id] },
      others,
    ]);
    const kept = witnesses.filter((x) => next.voters.includes(x) || next.learners.includes(x));
    const data = encodeConfiguration(kept.length === 0 ? next : { ...next, witnesses: kept });
    host.step({ type: 'propose', entries: [{ type: 'config', data }] });
  }

  /** Every step of every member passes here. */
  #observe(host: MemoryHost, effects: Effects): void {
    this.checker.observe(host, effects);
    const member = this.#member(host.id);
    if (effects.accepted !== undefined) {
      const { witnesses } = host.node.status.configuration;
      assert.ok(witnesses?.includes(host.id) !== true, `witness ${host.id} takes proposals`);
      const { term, firstIndex, lastIndex } = effects.accepted;
      for (let index = firstIndex; index <= lastIndex; index += 1) member.proposals.set(index, term);
    }
    if (effects.commit !== undefined && member.proposals.size > 0) {
      for (const [index, term] of member.proposals) {
        if (index > effects.commit) continue;
        member.proposals.delete(index);
        if (index >= host.log.firstIndex() && host.log.term(index) === term)
          this.checker.writeCompletes(index);
      }
    }
    for (const { context } of effects.rejectedReads) member.barriers.delete(context);
    for (const { context, index } of effects.reads) {
      const read = member.barriers.get(context);
      assert.ok(read !== undefined, `${host.id} answers read ${context}, which nobody waits for`);
      member.barriers.delete(context);
      member.served.push({ index, read });
    }
  }
}

/** Runs one seed; throws what the checker (or an invariant of the code) found. */
export function run(options: RunOptions): Checker {
  const simulation = new Simulation(options);
  for (let turn = 0; turn < options.turns; turn += 1) {
    try {
      simulation.turn();
    } catch (error) {
      throw new Error(
        `seed ${options.seed}, turn ${turn}: ${error instanceof Error ? error.message : String(error)}`,
        {
          cause: error,
        },
      );
    }
  }
  try {
    simulation.calmDown();
  } catch (error) {
    throw new Error(`seed ${options.seed}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  return simulation.checker;
}
