/**
 * What members complain about, and what that stops. Part of the applied state, so that every member refuses the same
 * requests at the same log index.
 */
import type { NodeId } from '@timonier/raft';
import { idNumber } from './cluster.ts';
import type { StoredRequest } from './codecs.ts';
import { etcdError } from './errors.ts';
import { hasPut } from './txn.ts';
import { type Alarm, alarmType } from './types.ts';

export class AlarmBook {
  #raised: readonly Alarm[] = [];

  get raised(): readonly Alarm[] {
    return this.#raised;
  }

  /** By what another state says. */
  replace(raised: readonly Alarm[]): void {
    this.#raised = raised;
  }

  /** Raises an alarm or takes it back. Returns etcd's answer. `apartCounts`: alarms may be about one member alone. */
  apply(
    { activate, member, alarm, disk = false, apart = false }: NonNullable<StoredRequest['alarm']>,
    apartCounts: boolean,
  ): object {
    const others = this.#raised.filter((raised) => raised.member !== member || raised.alarm !== alarm);
    const known = others.length < this.#raised.length;
    const marks = { ...(disk ? { disk } : {}), ...(apart && apartCounts ? { apart } : {}) };
    this.#raised = activate ? [...others, { member, alarm, ...marks }] : others;
    return { alarms: activate || known ? [{ memberID: idNumber(member), alarm }] : [] };
  }

  /** Whether nothing may be added: a quota is used up, or so many disks are full that no majority has room. */
  isFull(voters: readonly NodeId[]): boolean {
    const full = this.#raised.filter(({ alarm }) => alarm === alarmType.noSpace);
    if (full.some(({ disk }) => disk !== true)) return true;
    const well = voters.filter((id) => !full.some(({ member }) => member === id)).length;
    return full.length > 0 && well < Math.floor(voters.length / 2) + 1;
  }

  /** Whether members differ and nobody knows which are right: nothing may be read or written, as in etcd. */
  get isCorrupt(): boolean {
    return this.#raised.some(({ alarm, apart }) => alarm === alarmType.corrupt && apart !== true);
  }

  /** Whether a majority was found to hold other data than this member. */
  isApart(id: NodeId): boolean {
    return this.#raised.some(
      ({ alarm, member, apart }) => alarm === alarmType.corrupt && member === id && apart === true,
    );
  }

  /** Throws etcd's error when a request may not be carried out while these alarms are raised. */
  check(request: StoredRequest, voters: readonly NodeId[]): void {
    const {
      put: single,
      txn: many,
      deleteRange: gone,
      compaction,
      leaseGrant,
      leaseRevoke,
      leaseExpiry,
    } = request;
    const touches = [single, many, gone, compaction, leaseGrant, leaseRevoke, leaseExpiry].some(
      (part) => part !== undefined,
    );
    if (touches && this.isCorrupt) throw etcdError.corrupt();
    const grows = single !== undefined || leaseGrant !== undefined || (many !== undefined && hasPut(many));
    if (grows && this.isFull(voters)) throw etcdError.noSpace();
  }
}
