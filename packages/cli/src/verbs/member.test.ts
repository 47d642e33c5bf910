import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ListedMember, StoreMembers } from '@timonier/store/members';
import { eventually, TestCluster } from '../../../store/src/testing/processes.ts';

const entry = fileURLToPath(new URL('../main.ts', import.meta.url));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function timonier(args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [entry, ...args], { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}

async function json<T>(args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await timonier([...args, '--output', 'json']);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as T;
}

test('a member is added, learns, votes by itself, dies and is replaced, and every refusal says what to do', async (t) => {
  const c = await TestCluster.create(4);
  t.after(() => c.remove());
  c.start('m1', [`--initial-cluster=${c.initialCluster(['m1'])}`]);
  await c.leader(['m1']);
  const at = ['--endpoint', c.endpoint('m1')];
  // What the verb prints, without a process for each look.
  const store = new StoreMembers({ target: new URL(c.endpoint('m1')).host, tls: undefined, user: '' });
  t.after(() => store.close());
  const list = (): Promise<ListedMember[]> => store.list();
  const who = async (name: string): Promise<ListedMember> => {
    const found = (await list()).find((member) => member.name === name);
    assert.ok(found !== undefined, `no ${name}`);
    return found;
  };

  // On a busy machine it may even lead by now.
  const votes = (name: string): Promise<void> =>
    eventually(`${name} votes`, async () => assert.notEqual((await who(name)).role, 'learner'));
  const join = async (name: string, names: readonly string[]): Promise<void> => {
    const { start } = await json<{ start: string }>([
      'member',
      'add',
      name,
      '--peer-urls',
      c.peerUrl(name),
      ...at,
    ]);
    // What the verb says is enough to start it.
    assert.ok(start.includes(c.initialCluster(names)), start);
    c.start(name, [`--initial-cluster=${c.initialCluster(names)}`, '--initial-cluster-state=existing']);
    await votes(name);
  };
  await c.ctl(['put', 'a', '1'], { at: 'm1' });
  await join('m2', ['m1', 'm2']);
  assert.equal(await c.ctl(['get', 'a', '--print-value-only'], { at: 'm2' }), '1\n');
  await join('m3', ['m1', 'm2', 'm3']);

  // How far each is behind may change from one look to the next.
  await eventually('the verb prints what the store says', async () =>
    assert.deepEqual(await json(['member', 'list', ...at]), await list()),
  );

  // A learner that etcdctl added stays one until somebody says otherwise.
  await c.ctl(['member', 'add', 'm4', '--learner', `--peer-urls=${c.peerUrl('m4')}`], { at: 'm1' });
  const [unstarted] = (await list()).filter(({ name }) => name === '');
  assert.equal(unstarted?.condition, 'never started');
  assert.equal(unstarted?.promotedWhenReady, false);
  const twice = await timonier(['member', 'add', 'm5', '--peer-urls', 'http://127.0.0.1:1', ...at]);
  assert.match(twice.stderr, /another learner is there: wait until it is promoted, or remove it/);
  c.start('m4', [`--initial-cluster=${c.initialCluster()}`, '--initial-cluster-state=existing']);
  await eventually('m4 has caught up', async () => {
    const member = await who('m4');
    assert.equal(member.condition, 'alive');
    assert.equal(member.behind, 0);
  });
  assert.match((await c.etcdctl(['get', 'a'], { at: 'm4' })).stderr, /rpc not supported for learner/);
  // It has the entry, and applies it when it gets to it.
  await eventually('m4 has what was written', async () =>
    assert.equal(await c.ctl(['get', 'a', '--consistency=s', '--print-value-only'], { at: 'm4' }), '1\n'),
  );
  assert.equal((await who('m4')).role, 'learner');
  assert.equal((await timonier(['member', 'promote', 'm4', ...at])).code, 0);
  await votes('m4');
  assert.match((await timonier(['member', 'promote', 'm4', ...at])).stderr, /this member votes already/);
  assert.equal((await timonier(['member', 'remove', 'm4', ...at])).code, 0);
  assert.equal(await c.ended('m4'), 1);

  await eventually('m3 is heard', async () => assert.equal((await who('m3')).condition, 'alive'));
  // A dead one of three is replaced on its own address, which is never refused while two live.
  assert.match((await timonier(['member', 'replace', 'm3', ...at])).stderr, /m3 is alive: stop it first/);
  await c.end('m3', 'SIGKILL');
  await eventually('the death is noticed', async () => assert.equal((await who('m3')).condition, 'silent'));
  const before = (await who('m3')).id;
  await json(['member', 'replace', 'm3', ...at]);
  const stale = c.start('m3', [`--initial-cluster=${c.initialCluster(['m1', 'm2', 'm3'])}`]);
  await eventually('the old data is of no use', async () => assert.equal(stale.exitCode, 1));
  c.start('m3', [
    `--initial-cluster=${c.initialCluster(['m1', 'm2', 'm3'])}`,
    '--initial-cluster-state=existing',
    `--data-dir=${c.dataDir('m3')}.new`,
  ]);
  await votes('m3');
  assert.notEqual((await who('m3')).id, before);

  // With one of two left there is no quorum to change anything, and with two of three none to lose.
  await c.end('m2', 'SIGKILL');
  await eventually('m2 is gone', async () => assert.equal((await who('m2')).condition, 'silent'));
  assert.match(
    (await timonier(['member', 'remove', 'm3', ...at])).stderr,
    /too few voters are alive for this change/,
  );
  assert.equal((await timonier(['member', 'remove', 'm2', ...at])).code, 0);
  assert.match(
    (await timonier(['member', 'remove', 'm9', ...at])).stderr,
    /no member is called "m9"; there are m\d \(/,
  );
});
