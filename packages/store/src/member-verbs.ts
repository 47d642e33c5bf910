/**
 * What `timonier member` does: looks at the members of a running store and changes them, with errors that say what to
 * do. Exported as `@timonier/store/members`.
 */
import { createClient, GrpcError, Status, type GrpcClient } from '@timonier/grpc';
import { idNumber } from './cluster.ts';
import { clusterService, membershipService } from './client-services.ts';
import { etcdError } from './errors.ts';
import type { ClusterShape } from './services/cluster.ts';
import {
  condition,
  type MembershipShape,
  type MemberViews,
  type MemberView,
  part,
} from './services/membership.ts';
import { explainedAccess, login, type StoreAccess } from './store-access.ts';

export type MemberCondition = 'alive' | 'silent' | 'never started' | 'unknown';

export interface ListedMember {
  readonly id: string;
  readonly name: string;
  readonly role: 'leader' | 'voter' | 'learner';
  readonly witness: boolean;
  /** A learner that will be promoted by itself. */
  readonly promotedWhenReady: boolean;
  readonly condition: MemberCondition;
  /** Log entries that it lacks; null when nobody who knows could be asked. */
  readonly behind: number | null;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
}

const conditions: Readonly<Record<number, MemberCondition>> = {
  [condition.alive]: 'alive',
  [condition.silent]: 'silent',
  [condition.neverStarted]: 'never started',
};
/** Longer than a member's own patience, so that its answer and not our impatience is what is told. */
const timeoutMs = 10_000;

/** A conversation with one store. Close it. */
export class StoreMembers {
  readonly #access: StoreAccess;
  readonly #cluster: GrpcClient<ClusterShape>;
  readonly #membership: GrpcClient<MembershipShape>;
  #metadata: Readonly<Record<string, string>> | undefined;

  constructor(access: StoreAccess) {
    this.#access = access;
    const options = { timeoutMs, ...(access.tls === undefined ? {} : { tls: access.tls }) };
    this.#cluster = createClient(clusterService, access.target, options);
    this.#membership = createClient(membershipService, access.target, options);
  }

  close(): void {
    this.#cluster.close();
    this.#membership.close();
  }

  /** All members as the leader sees them, or as the asked one does when the leader cannot be reached from here. */
  async list(): Promise<ListedMember[]> {
    const views = await this.#views();
    const knows = views.self === views.leader;
    return views.members.map((view) => ({
      id: view.id,
      name: view.name,
      role: view.id === views.leader ? 'leader' : view.part === part.learner ? 'learner' : 'voter',
      witness: view.witness,
      promotedWhenReady: view.promotedWhenReady,
      condition: conditions[view.condition] ?? 'unknown',
      behind: knows ? view.behind : null,
      peerUrls: view.peerUrls,
      clientUrls: view.clientUrls,
    }));
  }

  /** Adds a learner that is promoted by itself. Resolves with its id. */
  async add(peerUrls: readonly string[], witness: boolean): Promise<string> {
    const { id } = await this.#call(async (metadata) =>
      this.#membership.unary('add', { peerUrls, witness }, { metadata }),
    );
    return id;
  }

  async remove(member: ListedMember): Promise<void> {
    await this.#call(async (metadata) =>
      this.#cluster.unary('memberRemove', { ID: idNumber(member.id) }, { metadata }),
    );
  }

  async promote(member: ListedMember): Promise<void> {
    await this.#call(async (metadata) =>
      this.#cluster.unary('memberPromote', { ID: idNumber(member.id) }, { metadata }),
    );
  }

  /** The member of that name or id. Throws with the names there are. */
  async find(nameOrId: string): Promise<ListedMember> {
    const members = await this.list();
    const found = members.filter(({ id, name }) => id === nameOrId || name === nameOrId);
    const [only] = found;
    if (only !== undefined && found.length === 1) return only;
    const known = members.map(({ id, name }) => (name === '' ? id : `${name} (${id})`)).join(', ');
    throw new Error(
      only === undefined
        ? `no member is called "${nameOrId}"; there are ${known}`
        : `${found.length} members are called "${nameOrId}": use an id; there are ${known}`,
    );
  }

  async #views(): Promise<MemberViews> {
    const mine = await this.#call(async (metadata) => this.#membership.unary('list', {}, { metadata }));
    const leader = mine.members.find(({ id }) => id === mine.leader);
    if (mine.self === mine.leader || leader === undefined) return mine;
    return (await this.#viewsOf(leader)) ?? mine;
  }

  /** Undefined when the leader has no address that works from here. */
  async #viewsOf(leader: MemberView): Promise<MemberViews | undefined> {
    const { tls } = this.#access;
    for (const url of leader.clientUrls) {
      const client = createClient(membershipService, new URL(url).host, {
        timeoutMs: 2_000,
        ...(tls === undefined ? {} : { tls }),
      });
      try {
        return await client.unary('list', {}, { metadata: this.#metadata ?? {} });
      } catch {
        // The asked member's own view is still there.
      } finally {
        client.close();
      }
    }
    return undefined;
  }

  async #call<T>(run: (metadata: Readonly<Record<string, string>>) => Promise<T>): Promise<T> {
    try {
      this.#metadata ??= await login(this.#access);
      return await run(this.#metadata);
    } catch (error) {
      throw explained(error, this.#access.target);
    }
  }
}

/** What etcd's terse texts mean for who runs the cluster. */
const advice: readonly (readonly [GrpcError, string])[] = [
  [
    etcdError.unhealthy(),
    'too few voters are alive for this change: it could leave the cluster without a quorum; start the silent ones or remove the dead ones first (timonier member list)',
  ],
  [
    etcdError.notEnoughStarted(),
    'after this change too few voters would be running for a quorum; start members that were added and never started, or add another member first (timonier member list)',
  ],
  [
    etcdError.learnerNotReady(),
    'the learner has not caught up with the leader yet; try again when it is less behind (timonier member list)',
  ],
  [etcdError.memberNotLearner(), 'this member votes already'],
  [
    etcdError.tooManyLearners(),
    'another learner is there: wait until it is promoted, or remove it (timonier member list)',
  ],
  [etcdError.peerUrlExists(), 'another member has one of these peer URLs (timonier member list)'],
  [
    etcdError.memberBadUrls(),
    'a peer URL must be http:// or https:// with a host and a port and nothing else, such as https://10.0.0.4:2380',
  ],
];

function explained(error: unknown, target: string): unknown {
  if (!(error instanceof GrpcError)) return error;
  const known = advice.find(([{ details }]) => details === error.details);
  if (known !== undefined) return new Error(known[1], { cause: error });
  if (error.code === Status.UNIMPLEMENTED)
    return new Error(`the store at ${target} is not of Timonier; use etcdctl member`, { cause: error });
  return explainedAccess(error, target);
}
