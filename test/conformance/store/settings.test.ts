/**
 * Flags, variables, configuration file and metrics: what a script that starts etcd and a dashboard that watches it
 * depend on, held against Debian's etcd.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { command } from '@timonier/store/command';
import { run } from '../../acceptance/command.ts';
import { until } from '../../acceptance/wait.ts';
import { etcd, freePorts, type Program, StoreGroup, timonier } from './members.ts';

test('every flag that the installed etcd lists is known', async () => {
  const { stdout, stderr } = await run('etcd', ['--help']);
  const names = [...`${stdout}${stderr}`.matchAll(/^ +--([a-z0-9-]+)/gm)].map((match) => match[1] ?? '');
  assert.ok(names.length > 70, `only ${names.length} flags were found`);
  assert.deepEqual(
    names.filter((name) => !Object.hasOwn(command.flags, name)),
    [],
  );
});

interface Places {
  readonly folder: string;
  readonly client: string;
  readonly peer: string;
}

/** Starts a program in some way of saying what it is told, and returns what it says about itself then. */
async function members(
  program: Program,
  start: (places: Places) => Promise<{ args: string[]; env: Record<string, string> }>,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'store-settings-'));
  const [client = 0, peer = 0] = await freePorts(2);
  const places = { folder, client: `http://127.0.0.1:${client}`, peer: `http://127.0.0.1:${peer}` };
  const { args, env } = await start(places);
  const own = program.name === 'timonier' ? program.args : [];
  const child = spawn(program.file, [...own, ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  try {
    const listed = await until(`${program.name} serves`, 60_000, async () => {
      if (child.exitCode !== null) throw new Error(`${program.name} ended: ${log}`);
      const { code, stdout } = await run('etcdctl', ['--endpoints', places.client, 'member', 'list'], {
        env: { ETCDCTL_API: '3' },
      });
      // Ours answers before the cluster has agreed on where clients reach it.
      return code === 0 && stdout.includes('started') && stdout.includes(places.client) ? stdout : undefined;
    });
    return listed
      .replace(/^[0-9a-f]+/, '<id>')
      .replaceAll(places.client, '<client>')
      .replaceAll(places.peer, '<peer>');
  } finally {
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
    await rm(folder, { recursive: true, force: true });
  }
}

/** Two members that would be one, told apart by what they were told. */
async function same(
  start: (places: Places) => Promise<{ args: string[]; env: Record<string, string> }>,
  expected: RegExp,
): Promise<void> {
  const [theirs, ours] = await Promise.all([members(etcd, start), members(timonier, start)]);
  assert.match(theirs, expected);
  assert.equal(ours, theirs);
}

test('variables alone are enough to start', async () => {
  await same(
    ({ client, peer }) =>
      Promise.resolve({
        args: [],
        env: {
          ETCD_NAME: 'by-variable',
          ETCD_DATA_DIR: 'data',
          ETCD_LISTEN_CLIENT_URLS: client,
          ETCD_ADVERTISE_CLIENT_URLS: client,
          ETCD_LISTEN_PEER_URLS: peer,
          ETCD_INITIAL_ADVERTISE_PEER_URLS: peer,
          ETCD_INITIAL_CLUSTER: `by-variable=${peer}`,
          ETCD_LOG_LEVEL: 'error',
        },
      }),
    /^<id>, started, by-variable, <peer>, <client>/,
  );
});

test('a configuration file is enough, and flags and variables do not count beside it', async () => {
  await same(async ({ folder, client, peer }) => {
    const file = join(folder, 'etcd.yml');
    await writeFile(
      file,
      [
        'name: by-file',
        `data-dir: ${join(folder, 'data')}`,
        `listen-client-urls: ${client}`,
        `advertise-client-urls: ${client}`,
        `listen-peer-urls: ${peer}`,
        `initial-advertise-peer-urls: ${peer}`,
        `initial-cluster: by-file=${peer}`,
        'snapshot-count: 5000',
        'log-level: error',
      ].join('\n'),
    );
    return { args: ['--name=by-flag', `--config-file=${file}`], env: { ETCD_NAME: 'by-variable' } };
  }, /^<id>, started, by-file, <peer>, <client>/);
});

test('what cannot be honoured and what nobody knows end the start with one line that helps', async () => {
  await Promise.all(
    (
      [
        ['--unsafe-no-fsync', /--unsafe-no-fsync=true cannot be honoured: what is acknowledged is on disk/],
        ['--discovery=http://x', /--discovery=http:\/\/x cannot be honoured: .*--initial-cluster/],
        ['--data-dri=x', /unknown flag --data-dri; did you mean --data-dir\?/],
      ] as const
    ).map(async ([flag, message]) => {
      const { code, stderr } = await run(timonier.file, [...timonier.args, flag]);
      assert.equal(code, 2);
      assert.match(stderr, message);
    }),
  );
});

/** Names of metrics with their types. */
async function metricsOf(program: Program): Promise<Map<string, string>> {
  const group = await StoreGroup.start({ ...program, args: [...program.args, '--metrics=extensive'] }, 1);
  try {
    const [member] = group.members;
    assert.ok(member !== undefined);
    await member.etcdctl(['put', 'a', 'b']);
    const text = await (await fetch(`${member.endpoint}/metrics`)).text();
    return new Map(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map((match) => [match[1] ?? '', match[2] ?? '']),
    );
  } finally {
    await group.close();
  }
}

test('metrics have etcd’s names and types, but for what the page about the API lists', async () => {
  const [theirs, ours] = await Promise.all([metricsOf(etcd), metricsOf(timonier)]);
  const page = await readFile(new URL('../../../docs/store-api.md', import.meta.url), 'utf8');
  const listed = page
    .split('\n## Metrics\n')[1]
    ?.split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) =>
      [...(line.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''),
    );
  assert.ok(listed !== undefined && listed.length > 10);
  const patterns = listed.map((name) => new RegExp(`^${name.replaceAll('*', '.*')}$`));
  const absent = [...theirs.keys()].filter((name) => !ours.has(name));
  assert.deepEqual(
    absent.filter((name) => !patterns.some((pattern) => pattern.test(name))),
    [],
    'absent here and not listed',
  );
  assert.deepEqual(
    listed.filter((_name, i) => !absent.some((name) => patterns[i]?.test(name) === true)),
    [],
    'listed, but not absent',
  );
  for (const [name, type] of theirs) {
    if (ours.has(name)) assert.equal(ours.get(name), type, name);
  }
});
