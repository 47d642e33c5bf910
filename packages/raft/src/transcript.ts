/**
 * Replays a scenario written as text: lines beginning with "> " are commands to a small in-memory group, "#" is
 * comment, everything else is the expected output. `replay` returns the whole text with the output as it is now.
 *
 *   > group a b c [learners d] [witnesses c] [outsiders e] [bytes 64] [abstain 5]  new members, timeouts of 10 ticks,
 *       heartbeats each tick
 *   > tick a 3           > campaign a        > propose a x y        > config a voters a,b learners c
 *   > deliver [a->b]     carries messages until all is quiet (or only those waiting on one link)
 *   > drop a->b          loses what waits on one link
 *   > cut a / heal       from now on everything from and to a is lost / nothing is
 *   > disk a hold|go     stops and resumes its writes      > crash a      loses unwritten state, starts again
 *   > closed a b         a sees its connection to b closed > read a 1     > transfer a b    > stall a on|off
 *   > compact a          > status            > log
 *   > proven a           the newest round that proves that nobody else leads
 */
import { MemoryHost, type Packet } from './memory-host.ts';
import { encodeConfiguration } from './membership.ts';
import type { Message } from './messages.ts';
import type { Effects, Entry, Input } from './types.ts';

const MAX_DELIVERIES = 1000;

/** Runs the commands of a scenario and returns it with what each led to in the place of what was written there. */
export function replay(text: string): string {
  const scenario = new Scenario();
  const out: string[] = [];
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('> ')) out.push(line, ...scenario.run(line.slice(2)));
    else if (line.startsWith('#') || line === '') out.push(line);
  }
  return `${out.join('\n')}\n`;
}

class Scenario {
  readonly #hosts = new Map<string, MemoryHost>();
  readonly #held = new Set<string>();
  readonly #cut = new Set<string>();
  #wire: Packet[] = [];
  #now = 0;
  #out: string[] = [];

  run(command: string): string[] {
    this.#out = [];
    const [verb = '', ...args] = command.split(/\s+/);
    this.#execute(verb, args);
    this.#collect();
    return this.#out;
  }

  #execute(verb: string, args: readonly string[]): void {
    const [first = '', second = ''] = args;
    switch (verb) {
      case 'group':
        this.#group(args);
        break;
      case 'tick':
        for (let i = 0; i < Number(second || '1'); i += 1) {
          this.#now += 1;
          this.#step(first, { type: 'tick', now: this.#now });
        }
        break;
      case 'campaign':
        this.#step(first, { type: 'campaign' });
        break;
      case 'propose': {
        const entries = args.slice(1).map((word) => ({ data: new TextEncoder().encode(word) }));
        this.#step(first, { type: 'propose', entries });
        break;
      }
      case 'config': {
        const list = (name: string): string[] => (args[args.indexOf(name) + 1] ?? '').split(',');
        const voters = list('voters');
        const learners = args.includes('learners') ? list('learners') : [];
        const data = encodeConfiguration({ voters, learners });
        this.#step(first, { type: 'propose', entries: [{ type: 'config', data }] });
        break;
      }
      case 'deliver':
        this.#deliver(first);
        break;
      case 'drop':
        this.#wire = this.#wire.filter((packet) => linkOf(packet) !== first);
        break;
      case 'cut':
        this.#cut.add(first);
        break;
      case 'heal':
        this.#cut.clear();
        break;
      case 'disk':
        if (second === 'hold') this.#held.add(first);
        else this.#held.delete(first);
        break;
      case 'crash':
        this.#host(first).restart();
        break;
      case 'closed':
        this.#step(first, { type: 'peer-closed', peer: second });
        break;
      case 'read':
        this.#step(first, { type: 'read', context: Number(second) });
        break;
      case 'transfer':
        this.#step(first, { type: 'transfer', target: second });
        break;
      case 'stall':
        this.#step(first, { type: 'disk-stalled', stalled: second === 'on' });
        break;
      case 'compact':
        this.#out.push(`  ${first}: snapshot at ${this.#host(first).compact()?.index ?? 'nothing new'}`);
        break;
      case 'proven':
        this.#out.push(`  ${first}: round ${this.#host(first).node.status.quorumRound?.round ?? 'none'}`);
        break;
      case 'status':
        for (const host of this.#hosts.values()) this.#out.push(`  ${statusLine(host)}`);
        break;
      case 'log':
        for (const host of this.#hosts.values()) this.#out.push(`  ${logLine(host)}`);
        break;
      default:
        throw new Error(`unknown command ${verb}`);
    }
  }

  #group(args: readonly string[]): void {
    const roles: Record<string, string[]> = {
      voters: [],
      learners: [],
      witnesses: [],
      outsiders: [],
      bytes: [],
      abstain: [],
    };
    let role = 'voters';
    for (const word of args) {
      if (word in roles) role = word;
      else roles[role]?.push(word);
    }
    const { learners = [], witnesses = [], outsiders = [] } = roles;
    const voters = [...(roles['voters'] ?? []), ...witnesses];
    for (const id of [...voters, ...learners, ...outsiders]) {
      const options = {
        id,
        electionTicks: 10,
        heartbeatTicks: 1,
        abstainTicks: Number(roles['abstain']?.[0] ?? '0'),
        random: () => 0,
        maxInflight: 4,
        maxAppendBytes: Number(roles['bytes']?.[0] ?? '64'),
      };
      const configuration = { voters, learners, ...(witnesses.length === 0 ? {} : { witnesses }) };
      const host = new MemoryHost(options, configuration, (_, effects) => this.#report(id, effects));
      this.#hosts.set(id, host);
    }
  }

  #host(id: string): MemoryHost {
    const host = this.#hosts.get(id);
    if (host === undefined) throw new Error(`no member ${id}`);
    return host;
  }

  #step(id: string, input: Input): void {
    this.#host(id).step(input);
    this.#collect();
  }

  /** Lets free disks write, and puts what members say on the wire. */
  #collect(): void {
    for (const host of this.#hosts.values()) {
      if (!this.#held.has(host.id)) host.flush();
      for (const packet of host.outbox) {
        const { from, to } = packet.message;
        if (!this.#cut.has(from) && !this.#cut.has(to)) this.#wire.push(packet);
      }
      host.outbox = [];
    }
  }

  #deliver(link: string): void {
    for (let count = 0; count < MAX_DELIVERIES; count += 1) {
      const at = link === '' ? 0 : this.#wire.findIndex((packet) => linkOf(packet) === link);
      const [packet] = at < 0 ? [] : this.#wire.splice(at, 1);
      if (packet === undefined) return;
      const { from, to, type } = packet.message;
      if (this.#cut.has(from) || this.#cut.has(to)) continue;
      this.#out.push(`  ${describe(packet.message)}`);
      this.#host(to).receive(packet);
      if (type === 'snapshot') this.#host(from).step({ type: 'snapshot-sent', peer: to });
      this.#collect();
    }
    throw new Error(`still not quiet after ${MAX_DELIVERIES} messages`);
  }

  #report(id: string, effects: Effects): void {
    const say = (text: string): void => {
      this.#out.push(`      ${id}: ${text}`);
    };
    if (effects.roleChange) {
      const { role, term, leader } = effects.roleChange;
      say(`${role} in term ${term}, leader ${leader ?? 'unknown'}`);
    }
    if (effects.installSnapshot) say(`installs snapshot ${effects.installSnapshot.index}`);
    if (effects.append.length > 0) say(`appends ${effects.append.map(entryText).join(' ')}`);
    if (effects.configuration) {
      const { voters, learners } = effects.configuration;
      say(`configuration voters ${voters.join()} learners ${learners.join() || 'none'}`);
    }
    if (effects.commit !== undefined) say(`commits ${effects.commit}`);
    for (const read of effects.reads) say(`read ${read.context} at ${read.index}`);
    for (const read of effects.rejectedReads) say(`read ${read.context} rejected`);
    for (const drop of effects.droppedProposals)
      say(`drops proposal: ${drop.reason}, leader ${drop.leader ?? 'unknown'}`);
  }
}

function linkOf(packet: Packet): string {
  return `${packet.message.from}->${packet.message.to}`;
}

function entryText(entry: Entry): string {
  const text = entry.type === 'normal' ? new TextDecoder().decode(entry.data) : entry.type;
  return `${entry.index}/${entry.term}:${text}`;
}

function statusLine(host: MemoryHost): string {
  const { id, role, term, leader, commit, lastIndex } = host.node.status;
  const { value } = host.state;
  return `${id}: ${role} term ${term} leader ${leader ?? 'unknown'} commit ${commit} last ${lastIndex} value "${value}"`;
}

function logLine(host: MemoryHost): string {
  const { log, id } = host;
  const entries = log.entries(log.firstIndex(), log.lastIndex() + 1, Infinity);
  return `${id}: ${entries.map(entryText).join(' ')}`;
}

function describe(message: Message): string {
  const head = `${message.from}->${message.to} ${message.type} t${message.term}`;
  switch (message.type) {
    case 'pre-vote':
    case 'vote':
      return `${head} last ${message.lastIndex}/${message.lastTerm}${'transfer' in message && message.transfer ? ' transfer' : ''}`;
    case 'pre-vote-response':
    case 'vote-response':
      return `${head} ${message.granted ? 'yes' : 'no'}`;
    case 'append':
      return `${head} after ${message.prevIndex}/${message.prevTerm} [${message.entries.map(entryText).join(' ')}] commit ${message.commit}`;
    case 'append-response':
      return message.rejected
        ? `${head} refuses ${message.index}, try ${message.hintIndex}/${message.hintTerm}`
        : `${head} has ${message.index}`;
    case 'heartbeat':
      return `${head} round ${message.round} commit ${message.commit}${
        message.abandoned > 0 ? ` abandoned ${message.abandoned}` : ''
      }${message.settled > 0 ? ` settled ${message.settled}` : ''}`;
    case 'heartbeat-response':
      return `${head} round ${message.round}`;
    case 'commit':
      return `${head} ${message.commit}`;
    case 'read-index':
      return `${head} ${message.context}`;
    case 'read-index-response':
      return `${head} ${message.context} at ${message.index ?? 'nothing'}`;
    case 'snapshot':
      return `${head} at ${message.index}/${message.snapshotTerm}`;
    default:
      return head;
  }
}
