/**
 * Who belongs to the group: the encoding of configuration entries, which changes are allowed, and the configurations
 * in force along the log.
 *
 * A configuration applies from the moment its entry is in the log, committed or not, so cutting the entry off must
 * bring the one before back: that is why the history is kept.
 */
import type { Configuration, NodeId } from './types.ts';

/** Whether a member keeps the log and no state: see witness.ts. */
export function isWitness(configuration: Configuration, id: NodeId): boolean {
  return configuration.witnesses?.includes(id) === true;
}

/**
 * The data of a `config` entry. `context` is the host's own text about the change (such as addresses of members); the
 * core carries it and does not look at it.
 */
export function encodeConfiguration(configuration: Configuration, context = ''): Uint8Array {
  const { voters, learners, witnesses = [] } = configuration;
  return new TextEncoder().encode(
    JSON.stringify({
      voters,
      learners,
      ...(witnesses.length === 0 ? {} : { witnesses }),
      ...(context === '' ? {} : { context }),
    }),
  );
}

/** The opposite of encodeConfiguration; throws TypeError when the data is anything else. */
export function decodeConfiguration(data: Uint8Array): { configuration: Configuration; context: string } {
  const value: unknown = JSON.parse(new TextDecoder().decode(data));
  if (typeof value !== 'object' || value === null)
    throw new TypeError('a configuration entry holds a JSON object');
  const voters = idsOf('voters' in value ? value.voters : undefined);
  const learners = idsOf('learners' in value ? value.learners : undefined);
  const witnesses = 'witnesses' in value ? idsOf(value.witnesses) : [];
  const context = 'context' in value && typeof value.context === 'string' ? value.context : '';
  return {
    configuration: { voters, learners, ...(witnesses.length === 0 ? {} : { witnesses }) },
    context,
  };
}

function idsOf(value: unknown): NodeId[] {
  if (!Array.isArray(value)) throw new TypeError('a configuration entry lists voters and learners');
  return value.map((id) => {
    if (typeof id !== 'string' || id === '') throw new TypeError(`not a member id: ${String(id)}`);
    return id;
  });
}

/** Why `next` may not follow `current`, or null. One voter at a time: then any two majorities overlap. */
export function refusalOfChange(current: Configuration, next: Configuration): string | null {
  if (next.voters.length === 0) return 'no voter would be left';
  const members = [...next.voters, ...next.learners];
  if (new Set(members).size !== members.length) return 'a member is listed twice';
  const witnesses = next.witnesses ?? [];
  if (!witnesses.every((id) => members.includes(id))) return 'a witness is no member';
  if (next.voters.every((id) => witnesses.includes(id))) return 'no voter with a state would be left';
  const turned = members.find(
    (id) =>
      [...current.voters, ...current.learners].includes(id) &&
      witnesses.includes(id) !== (current.witnesses ?? []).includes(id),
  );
  if (turned !== undefined) return `${turned} cannot become or cease to be a witness`;
  const added = next.voters.filter((id) => !current.voters.includes(id));
  const removed = current.voters.filter((id) => !next.voters.includes(id));
  if (added.length + removed.length > 1) {
    return `only one voter may change at a time, not +[${added.join()}] -[${removed.join()}]`;
  }
  return null;
}

interface Milestone {
  readonly index: number;
  readonly configuration: Configuration;
}

/** The configurations along the log: the committed one and, at most briefly, those after it. */
export class ConfigurationHistory {
  #milestones: Milestone[];

  constructor(index: number, configuration: Configuration) {
    this.#milestones = [{ index, configuration }];
  }

  /** In force now. */
  get current(): Configuration {
    return this.#last.configuration;
  }

  /** The index from which the current configuration applies. */
  get index(): number {
    return this.#last.index;
  }

  /** What was in force before the current configuration, if the current one may still be cut off. */
  get previous(): Configuration {
    return (this.#milestones.at(-2) ?? this.#last).configuration;
  }

  get #last(): Milestone {
    const last = this.#milestones.at(-1);
    if (last === undefined) throw new Error('a configuration history is never empty');
    return last;
  }

  /** The newest configuration that is certain to stay. */
  committed(commit: number): Configuration {
    const at = this.#milestones.findLast((milestone) => milestone.index <= commit);
    return (at ?? this.#last).configuration;
  }

  /** An entry with a configuration was appended at `index`. */
  append(index: number, configuration: Configuration, commit: number): void {
    // Committed milestones cannot be cut off any more; the newest of them is what a cut returns to.
    const keep = this.#milestones.findLastIndex((milestone) => milestone.index <= commit);
    if (keep > 0) this.#milestones.splice(0, keep);
    this.#milestones.push({ index, configuration });
  }

  /** Entries from `index` on were cut off. Returns whether the configuration changed. */
  cut(index: number): boolean {
    const before = this.#milestones.length;
    while (this.#milestones.length > 1 && this.#last.index >= index) this.#milestones.pop();
    return this.#milestones.length !== before;
  }

  /** A snapshot replaced everything. */
  reset(index: number, configuration: Configuration): void {
    this.#milestones = [{ index, configuration }];
  }
}
