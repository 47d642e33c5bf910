/**
 * Brings a cluster to the newest version that all of its members speak: members tell each other what they speak over
 * their connections, and the leader proposes.
 *
 * What a member speaks counts for as long as it is connected: it may come back as another release. Invariant: a
 * proposal names the members that it was decided for, and means nothing once others belong to the cluster.
 */
import type { NodeId } from '@timonier/raft';
import type { ClusterVersionChange } from '../codecs.ts';
import type { HostLog } from '../host-options.ts';
import type { KnownBugs } from '../known-bugs.ts';
import type { PeerFrame, Speaks } from '../peer-wire.ts';
import {
  checkCarriesOut,
  IncompatibleVersionError,
  type VersionRange,
  versionToPropose,
} from './entry-versions.ts';

export interface AgreementOptions {
  readonly self: NodeId;
  /** What this member speaks. */
  readonly range: VersionRange;
  /** What was decided, as far as it is applied here. */
  readonly decided: () => number | undefined;
  readonly members: () => readonly NodeId[];
  readonly leads: () => boolean;
  readonly send: (to: NodeId, frame: PeerFrame) => boolean;
  readonly propose: (change: ClusterVersionChange) => Promise<object>;
  readonly log: HostLog;
  readonly bugs?: KnownBugs;
  /** The cluster has decided for a version that this member does not speak: it must not go on. */
  readonly failed: (error: IncompatibleVersionError) => void;
}

export class VersionAgreement {
  readonly #options: AgreementOptions;
  readonly #heard = new Map<NodeId, VersionRange>();
  #proposing = false;

  constructor(options: AgreementOptions) {
    this.#options = options;
  }

  /** What a member was heard to speak; undefined while nobody knows. */
  speaks(member: NodeId): VersionRange | undefined {
    return member === this.#options.self ? this.#options.range : this.#heard.get(member);
  }

  /** A connection to a member stands: it is told, and asked. */
  connected(member: NodeId): void {
    this.#tell(member, true);
  }

  /** The connection to a member ended: what it speaks is unknown until it says so again. */
  closed(member: NodeId): void {
    this.#heard.delete(member);
  }

  /** A member says what it speaks and what it knows to be decided. */
  told(from: NodeId, { min, max, decided, asks }: Speaks): void {
    const { range, failed } = this.#options;
    if (asks) this.#tell(from, false);
    if (min > 0 && max >= min) this.#heard.set(from, { min, max });
    if (decided <= range.max) return;
    try {
      checkCarriesOut(range, decided);
    } catch (error) {
      if (!(error instanceof IncompatibleVersionError)) throw error;
      failed(error);
    }
  }

  /** To be called every so often: asks who is not known, and proposes what all can do, while this member leads. */
  look(): void {
    const { decided, members, leads, propose, log, bugs } = this.#options;
    if (this.#proposing || !leads()) return;
    const all = members();
    for (const member of all) if (this.speaks(member) === undefined) this.#tell(member, true);
    const from = decided();
    const version = versionToPropose(from, all, (member) => this.#countsAs(member, bugs));
    if (version === undefined) return;
    this.#proposing = true;
    propose({ version, members: all })
      .then(
        () => log.info({ from, to: decided() }, 'cluster version was decided'),
        (error: unknown) => log.warn({ err: error, from, to: version }, 'cluster version was not decided'),
      )
      .finally(() => {
        this.#proposing = false;
      });
  }

  #countsAs(member: NodeId, bugs: KnownBugs | undefined): VersionRange | undefined {
    return bugs?.has('version-unheard') === true ? this.#options.range : this.speaks(member);
  }

  #tell(member: NodeId, asks: boolean): void {
    const { self, range, decided, send } = this.#options;
    if (member !== self) send(member, { speaks: { ...range, decided: decided() ?? 0, asks } });
  }
}
