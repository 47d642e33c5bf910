/** The runtime and the host come and go, and another OCI runtime does the same. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { openStreams } from '@timonier/streaming';
import { until } from './testing/host.ts';
import { sharedHost } from './testing/shared-host.ts';

const shared = sharedHost();
const { skip, container, exited, run, shell } = shared;

test('containers do not notice that the runtime is killed and comes back', { skip }, async () => {
  const id = await shared.host.sandbox('survivor');
  const alive = await container(id, {
    metadata: { name: 'alive' },
    logPath: 'alive.log',
    ...shell('sleep 1000'),
  });
  const ending = await container(id, { metadata: { name: 'ending' }, ...shell('sleep 1.5; exit 6') });
  await shared.host.stop('SIGKILL');
  await until('the other container ends meanwhile', async () => {
    const record = JSON.parse(
      readFileSync(join(shared.host.folder, 'root/containers', ending, 'record.json'), 'utf8'),
    ) as {
      process: { pid: number };
    };
    try {
      process.kill(record.process.pid, 0);
      return false;
    } catch {
      return true;
    }
  });
  await shared.host.start();
  assert.equal((await exited(ending)).exitCode, 6);
  assert.equal(await run(alive, 'echo still here'), 'still here');
  const { status } = await shared.host.cri.runtime.PodSandboxStatus({ podSandboxId: id });
  assert.equal(status?.state, 'SANDBOX_READY');
  await shared.host.cri.runtime.RemovePodSandbox({ podSandboxId: id });
  assert.deepEqual(
    (await shared.host.cri.runtime.ListContainers({ filter: { podSandboxId: id } })).containers,
    [],
  );
});

test('after a reboot what ran has ended, and its addresses are free again', { skip }, async () => {
  const id = await shared.host.sandbox('rebooted');
  const main = await container(id, { ...shell('sleep 1000'), logPath: '' });
  const { status } = await shared.host.cri.runtime.PodSandboxStatus({ podSandboxId: id });
  const lease = join(shared.host.folder, 'ipam/test', status?.network?.ip ?? '');
  assert.ok(existsSync(lease));
  await shared.host.reboot();
  assert.equal((await exited(main)).exitCode, 255);
  const after = await shared.host.cri.runtime.PodSandboxStatus({ podSandboxId: id });
  assert.equal(after.status?.state, 'SANDBOX_NOTREADY');
  await shared.host.cri.runtime.RemovePodSandbox({ podSandboxId: id });
  assert.ok(!existsSync(lease));
  const again = await container(await shared.host.sandbox('rebooted'), shell('sleep 1000'));
  assert.equal(await run(again, 'echo runs'), 'runs');
});

test(
  'runc does what crun does',
  { skip: skip === false && !existsSync('/usr/sbin/runc') ? 'no runc' : skip },
  async () => {
    const { items } = await shared.host.cri.runtime.ListPodSandbox({});
    for (const { id } of items) await shared.host.cri.runtime.RemovePodSandbox({ podSandboxId: id });
    await shared.host.stop();
    await shared.host.start('--runtime', 'runc');
    const id = await shared.host.sandbox('runc', { pid: 'POD' });
    const main = await container(id, {
      ...shell('sleep 1000'),
      linux: {
        securityContext: { namespaceOptions: { pid: 'POD' } },
        resources: { memoryLimitInBytes: 32 * 1024 * 1024 },
      },
    });
    assert.equal(await run(main, 'hostname'), 'runc');
    await shared.host.cri.runtime.UpdateContainerResources({ containerId: main, linux: { cpuShares: 200 } });
    const { url } = await shared.host.cri.runtime.Exec({
      containerId: main,
      cmd: ['sh'],
      stdin: true,
      stdout: true,
      tty: true,
    });
    const session = await openStreams(url);
    await session.resize({ columns: 91, rows: 17 });
    session.stdin.write('tty && exit 4\n');
    assert.match(await text(session.stdout), /dev\/pts/);
    assert.deepEqual(await session.outcome, { exitCode: 4 });
    await shared.host.cri.runtime.StopContainer({ containerId: main, timeout: 0 });
    assert.equal((await exited(main)).exitCode, 137);
  },
);
