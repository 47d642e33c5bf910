/**
 * `timonier snapshot save|status|restore`: backups of a store, with etcdutl's flags. They concern one store and not a
 * cluster of this machine, which they work without.
 */
import { resolve } from 'node:path';
import { defineGroup, numberFlag, stringFlag, UsageError } from '@timonier/component';
import {
  defaultBump,
  defaultDataDir,
  restoreSnapshot,
  saveSnapshot,
  type SnapshotStatus,
  snapshotStatus,
} from '@timonier/store/snapshot';
import { progressFor } from '../progress.ts';
import { accessFlags, accessOf } from './store-access.ts';
import { defineVerb } from './verb.ts';

const output = stringFlag('', 'json for programs');

function asJson(value: string): boolean {
  if (value !== '' && value !== 'json') throw new UsageError(`--output: "${value}" is not json`);
  return value === 'json';
}

function print(json: boolean, value: object, line: string): void {
  process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${line}\n`);
}

const save = defineVerb({
  name: 'snapshot save',
  usage: 'FILE',
  summary: 'writes the state of a running member to a new file',
  examples: [
    'timonier snapshot save backup.snap',
    'timonier snapshot save --endpoint 10.0.0.1:2379 --cacert ca.crt --cert c.crt --key c.key backup.snap',
    'timonier snapshot save --endpoint unix:/run/timonier/store.sock backup.snap',
  ],
  flags: { ...accessFlags, output },
  maxArguments: 1,
  needsRoot: false,
  run: async ({ flags, argument }) => {
    const path = resolve(argument(0));
    const access = accessOf(flags);
    const json = asJson(flags.output);
    let bytes = 0;
    await progressFor(process.stderr)({
      title: `saving the state of ${access.target}`,
      work: async (detail) => {
        bytes = await saveSnapshot(access, path, (done, of) =>
          detail(`${megabytes(done)} of ${megabytes(of)}`),
        );
      },
    });
    print(json, { file: path, bytes }, `saved ${path} (${megabytes(bytes)})`);
    return 0;
  },
});

function megabytes(bytes: number): string {
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function statusText(status: SnapshotStatus): string {
  const lines: [string, string][] = [
    ['taken', status.taken],
    ['cluster', status.cluster],
    ['revision', `${status.revision} (history since ${status.compactRevision})`],
    ['keys', String(status.keys)],
    ['leases', String(status.leases)],
    ['office', status.office ?? '-'],
    ['size', megabytes(status.bytes)],
    ['sha256', status.sha256],
  ];
  return lines.map(([name, value]) => `${name.padEnd(10)}${value}`).join('\n');
}

const status = defineVerb({
  name: 'snapshot status',
  usage: 'FILE',
  summary: 'checks a snapshot’s file and says what is in it',
  examples: ['timonier snapshot status backup.snap', 'timonier snapshot status backup.snap --output json'],
  flags: { output },
  maxArguments: 1,
  needsRoot: false,
  run: ({ flags, argument }) => {
    const found = snapshotStatus(argument(0));
    print(asJson(flags.output), found, statusText(found));
    return Promise.resolve(0);
  },
});

const restore = defineVerb({
  name: 'snapshot restore',
  usage: 'FILE',
  summary:
    'makes the data directory of a member of a new cluster; run it for every member, with the same file',
  examples: [
    'timonier snapshot restore backup.snap --data-dir /var/lib/store',
    'timonier snapshot restore backup.snap --name a --data-dir /var/lib/store --initial-cluster a=http://10.0.0.1:2380,b=http://10.0.0.2:2380,c=http://10.0.0.3:2380',
  ],
  flags: {
    name: stringFlag('default', 'name of this member'),
    'data-dir': stringFlag('', 'a directory that is empty or not there yet', { placeholder: 'NAME.etcd' }),
    'initial-cluster': stringFlag('', 'all members of the new cluster as NAME=URL,NAME=URL'),
    'initial-advertise-peer-urls': stringFlag(
      'http://localhost:2380',
      'where other members reach this one, when it is the only one so far',
    ),
    'initial-cluster-token': stringFlag(
      'etcd-cluster',
      'sets clusters apart that are made of the same file and have the same URLs',
    ),
    'bump-revision': numberFlag(defaultBump, 'by how much revisions jump ahead', {
      min: 1,
      max: 1_000_000_000_000,
    }),
    output,
  },
  maxArguments: 1,
  needsRoot: false,
  run: async ({ flags, argument }) => {
    const { name } = flags;
    const file = argument(0);
    const own = flags['initial-advertise-peer-urls'].split(',').map((url) => `${name}=${url}`);
    const json = asJson(flags.output);
    const restored = await restoreSnapshot(file, {
      name,
      initialCluster: flags['initial-cluster'] || own.join(','),
      token: flags['initial-cluster-token'],
      dataDir: resolve(flags['data-dir'] || defaultDataDir(name)),
      bumpRevision: flags['bump-revision'],
    });
    print(
      json,
      restored,
      `restored ${restored.dataDir}: member ${restored.member} of cluster ${restored.cluster}, at revision ${restored.revision}`,
    );
    return 0;
  },
});

export const snapshot = defineGroup({
  call: 'timonier snapshot',
  summary: 'saves the state of a store to a file, and makes a new cluster out of one',
  what: 'action',
  programs: { save: () => save, status: () => status, restore: () => restore },
  examples: [
    'timonier snapshot save backup.snap',
    'timonier snapshot status backup.snap',
    'timonier snapshot restore backup.snap --data-dir /var/lib/store',
  ],
});
