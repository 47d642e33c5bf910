/**
 * What a member tells about itself under etcd's names, beside what the way of a request counts (metrics.ts,
 * call-metrics.ts). All of it is read when somebody asks.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { Counter, Gauge, type Registry } from 'prom-client';
import { idText } from './cluster.ts';
import type { Member } from './member.ts';
import { etcdClusterVersion } from './versions/entry-versions.ts';

export interface MemberFacts {
  readonly member: Member;
  /** Of etcd's API, that this member speaks. */
  readonly version: string;
}

export function addMemberMetrics(registry: Registry, { member, version }: MemberFacts): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): void => {
    const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(read()) });
  };
  const info = (name: string, help: string, label: string, value: string): void => {
    new Gauge({ name, help, labelNames: [label], registers }).set({ [label]: value }, 1);
  };
  info('etcd_server_version', 'Always 1; the label says what runs.', 'server_version', version);
  const agreed = new Gauge({
    name: 'etcd_cluster_version',
    help: 'Always 1; the label says what all agree on. Absent until they do.',
    labelNames: ['cluster_version'],
    registers,
    collect: () => {
      const { clusterVersion } = member.machine;
      agreed.reset();
      if (clusterVersion === undefined) return;
      // As etcd shows it: without the last number.
      const [major = '', minor = ''] = etcdClusterVersion(clusterVersion).split('.');
      agreed.set({ cluster_version: `${major}.${minor}` }, 1);
    },
  });
  gauge(
    'timonier_store_cluster_version',
    'Version of the log that all members agreed on; 0 while none was decided.',
    () => member.machine.clusterVersion ?? 0,
  );
  info(
    'etcd_server_id',
    'Always 1; the label is the id of this member.',
    'server_id',
    idText(member.memberId),
  );
  const { machine, quota } = member;
  gauge('etcd_server_is_learner', 'Whether this member has no vote yet.', () =>
    Number(machine.configuration.learners.includes(member.id)),
  );
  gauge('etcd_server_quota_backend_bytes', 'Size in use at which puts are refused.', () =>
    Number.isFinite(quota.limit) ? quota.limit : 0,
  );
  gauge('etcd_mvcc_db_total_size_in_bytes', 'Size of the files of the state.', () => member.diskBytes);
  gauge('etcd_mvcc_db_total_size_in_use_in_bytes', 'Size of what counts for the quota.', () => quota.used);
  gauge(
    'etcd_debugging_mvcc_db_total_size_in_bytes',
    'Size of the files of the state.',
    () => member.diskBytes,
  );
  gauge('etcd_debugging_auth_revision', 'Revision of users and roles.', () => machine.auth.revision);
  // What a process may have open and has, which process_open_fds of Go's library says by another name.
  gauge('os_fd_used', 'Open file descriptors.', () => readdirSync('/proc/self/fd').length);
  gauge('os_fd_limit', 'File descriptors that may be open.', descriptorLimit);
}

function descriptorLimit(): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return Number(soft ?? 0);
}

/** What /health answers, counted. */
export class Healths {
  readonly #good: Counter;
  readonly #bad: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#good = new Counter({ name: 'etcd_server_health_success', help: 'Times found healthy.', registers });
    this.#bad = new Counter({ name: 'etcd_server_health_failures', help: 'Times found unwell.', registers });
  }

  /** Healthy is who can answer a linearizable read. */
  async ask(barrier: () => Promise<void>): Promise<{ status: number; body: object }> {
    try {
      await barrier();
    } catch (error) {
      this.#bad.inc();
      return { status: 503, body: { health: 'false', reason: String(error) } };
    }
    this.#good.inc();
    return { status: 200, body: { health: 'true', reason: '' } };
  }
}
