/**
 * Where `timonier store` is known to answer differently from etcd, and why. The test asserts the difference itself:
 * ours must print what is written here. An entry that no longer holds fails the test, so that the table stays true.
 */

export interface Difference {
  /** Line of the script, whole; `#2` is the second time that it comes. */
  readonly line: string;
  readonly reason: string;
  /** What ours prints instead, on either stream. */
  readonly ours: RegExp;
}

/** Calls that ours refuses by name, so that nobody takes them for done. */
function missing(reason: string, method: string, lines: readonly string[]): Difference[] {
  return lines.map((line) => ({
    line,
    reason,
    ours: new RegExp(`code = Unimplemented desc = .*${method}`),
  }));
}

const members = 'members are fixed at the first start, so far';

export const differences: readonly Difference[] = [
  ...missing('backups are not there yet', 'Snapshot', ['snapshot save $directory/backup.db']),
  ...['member promote $learner', 'member remove $learner'].map((line) => ({
    line,
    reason: members,
    ours: /code = NotFound desc = etcdserver: member not found/,
  })),
  ...missing(members, 'MemberAdd', ['member add m2 --learner --peer-urls http://127.0.0.1:1']),
  { line: 'member list #3', reason: members, ours: /^\s*<id2>, started, m1/ },
];
