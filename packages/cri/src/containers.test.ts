/** What containers and sandboxes are given, and how they end. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { criStatus, CriError } from '@timonier/grpc/cri';
import { demoImageName } from '../../../deploy/images/demo.ts';
import { until } from './testing/host.ts';
import { sharedHost } from './testing/shared-host.ts';

const shared = sharedHost();
const { skip, container, exited, run, shell } = shared;

test(
  'a pod gets an address, a name and its own namespaces, and serves from its image',
  { skip },
  async () => {
    const first = await shared.host.sandbox('web');
    const second = await shared.host.sandbox('client');
    const server = await container(first, {});
    const client = await container(second, shell('sleep 1000'));
    const { status } = await shared.host.cri.runtime.PodSandboxStatus({ podSandboxId: first });
    assert.equal(status?.state, 'SANDBOX_READY');
    const address = status?.network?.ip ?? '';
    assert.match(address, /^10\.251\.7\.\d+$/);
    await until('the server answers from another pod', async () => {
      const answer = await run(client, `timeout 10 wget -qO- http://${address}:8080/`);
      return answer === 'Hello from web';
    });
    assert.equal(await run(server, 'cat /etc/resolv.conf'), 'search cluster.local\nnameserver 10.96.0.10');
    assert.equal(await run(server, 'hostname; cat /etc/hostname'), 'web\nweb');
    const pids = await Promise.all(
      [server, client].map(async (containerId) => {
        const { info } = await shared.host.cri.runtime.ContainerStatus({ containerId, verbose: true });
        return (JSON.parse(info['info'] ?? '') as { pid: number }).pid;
      }),
    );
    for (const kind of ['net', 'ipc', 'uts', 'pid', 'mnt']) {
      const [a, b, own] = [...pids, 'self'].map((pid) => readlinkSync(`/proc/${pid}/ns/${kind}`));
      assert.equal(new Set([a, b, own]).size, 3, `${kind} namespaces are distinct`);
    }
    // Who writes the log may be behind what the program does.
    const line = /^\d{4}-\d\d-\d\dT[\d:.]+\+00:00 stdout F web listens on port 8080$/m;
    await until('its log has the line', async () =>
      line.test(readFileSync(join(shared.host.logs, 'web/main.log'), 'utf8')),
    );
    const { stats } = await shared.host.cri.runtime.ContainerStats({ containerId: server });
    assert.ok((stats?.memory?.workingSetBytes?.value ?? 0) > 0);
    assert.ok((stats?.cpu?.usageCoreNanoSeconds?.value ?? 0) > 0);
    const pod = (await shared.host.cri.runtime.PodSandboxStats({ podSandboxId: first })).stats;
    assert.ok((pod?.linux?.network?.defaultInterface?.rxBytes?.value ?? 0) > 0);
    const listed = await shared.host.cri.runtime.ListContainers({ filter: { podSandboxId: first } });
    assert.deepEqual(
      listed.containers.map(({ id }) => id),
      [server],
    );
  },
);

test(
  'creating the same sandbox or container twice is refused, stopping and removing twice is not',
  { skip },
  async () => {
    const id = await shared.host.sandbox('twice');
    await assert.rejects(
      shared.host.sandbox('twice'),
      (error) => error instanceof CriError && error.code === criStatus.ALREADY_EXISTS,
    );
    const main = await container(id, shell('sleep 1000'));
    await assert.rejects(
      container(id, {}),
      (error) => error instanceof CriError && error.code === criStatus.ALREADY_EXISTS,
    );
    for (let i = 0; i < 2; i++)
      await shared.host.cri.runtime.StopContainer({ containerId: main, timeout: 0 });
    for (let i = 0; i < 2; i++) await shared.host.cri.runtime.RemoveContainer({ containerId: main });
    for (let i = 0; i < 2; i++) await shared.host.cri.runtime.StopPodSandbox({ podSandboxId: id });
    for (let i = 0; i < 2; i++) await shared.host.cri.runtime.RemovePodSandbox({ podSandboxId: id });
    await assert.rejects(
      shared.host.cri.runtime.PodSandboxStatus({ podSandboxId: id }),
      (error) => error instanceof CriError && error.code === criStatus.NOT_FOUND,
    );
  },
);

test('exit codes, an early exit and a killed straggler are told apart', { skip }, async () => {
  const id = await shared.host.sandbox('exits');
  const quick = await container(id, { metadata: { name: 'quick' }, ...shell('exit 42') });
  const failed = await exited(quick);
  assert.deepEqual([failed.exitCode, failed.reason], [42, 'Error']);
  assert.ok(failed.finishedAt >= failed.startedAt && failed.startedAt >= failed.createdAt);
  const polite = await container(id, {
    metadata: { name: 'polite' },
    ...shell('trap "exit 3" TERM; echo ready; while :; do sleep 1 & wait; done'),
    logPath: 'polite.log',
  });
  await until('the trap is set', async () =>
    /ready/.test(readFileSync(join(shared.host.logs, 'exits/polite.log'), 'utf8')),
  );
  await shared.host.cri.runtime.StopContainer({ containerId: polite, timeout: 10 });
  assert.equal((await exited(polite)).exitCode, 3);
  const stubborn = await container(id, { metadata: { name: 'stubborn' }, ...shell('sleep 1000') });
  await shared.host.cri.runtime.StopContainer({ containerId: stubborn, timeout: 1 });
  assert.equal((await exited(stubborn)).exitCode, 137);
  await assert.rejects(
    container(id, { metadata: { name: 'missing' }, command: ['/no/such/program'] }),
    (error) => error instanceof CriError && /no\/such\/program/.test(error.details),
  );
});

test('a container that takes more memory than its limit is reported as out of memory', { skip }, async () => {
  const id = await shared.host.sandbox('oom');
  const greedy = await container(id, {
    ...shell('x=0123456789; while :; do x=$x$x; done'),
    linux: { resources: { memoryLimitInBytes: 16 * 1024 * 1024, oomScoreAdj: -900 } },
  });
  const status = await exited(greedy);
  assert.deepEqual([status.exitCode, status.reason], [137, 'OOMKilled']);
});

test('users, groups, capabilities, environment and read-only roots are as asked for', { skip }, async () => {
  const id = await shared.host.sandbox('security');
  const plain = await container(id, {
    metadata: { name: 'plain' },
    ...shell('sleep 1000'),
    envs: [{ key: 'GREETING', value: Buffer.from('salut') }],
    workingDir: '/srv/made',
    linux: {
      securityContext: {
        runAsUsername: 'demo',
        supplementalGroups: [2000],
        readonlyRootfs: true,
        noNewPrivs: true,
        capabilities: { dropCapabilities: ['ALL'], addCapabilities: ['NET_BIND_SERVICE'] },
      },
    },
  });
  assert.equal(
    await run(plain, 'id -u; id -g; id -G; pwd; echo $GREETING'),
    '1000\n1000\n1000 29 2000\n/srv/made\nsalut',
  );
  assert.equal(await run(plain, 'touch /x 2>/dev/null || echo refused'), 'refused');
  const flags = await run(plain, 'grep -E "CapBnd|NoNewPrivs|Seccomp:" /proc/self/status');
  assert.match(flags, /CapBnd:\t0000000000000400/);
  assert.match(flags, /NoNewPrivs:\t1/);
  assert.match(flags, /Seccomp:\t2/);
  const root = await container(id, { metadata: { name: 'root' }, ...shell('sleep 1000') });
  assert.equal(await run(root, 'unshare -m true 2>/dev/null || echo refused'), 'refused');
  assert.equal(
    await run(root, 'cat /proc/kcore 2>/dev/null | wc -c; df /dev/shm | tail -1 | cut -d" " -f1'),
    '0\ntmpfs',
  );
  const free = await container(id, {
    metadata: { name: 'free' },
    ...shell('sleep 1000'),
    linux: { securityContext: { privileged: true } },
  });
  assert.equal(await run(free, 'unshare -m true && mount -t tmpfs none /tmp && echo allowed'), 'allowed');
  const { status } = await shared.host.cri.runtime.ContainerStatus({ containerId: plain });
  assert.deepEqual(status?.user?.linux, { uid: 1000, gid: 1000, supplementalGroups: [1000, 2000, 29] });
});

test(
  'mounts appear, containers of a pod share what they should, and limits can change',
  { skip },
  async () => {
    const id = await shared.host.sandbox('shared', { pid: 'POD' });
    const folder = join(shared.host.folder, 'volume');
    mkdirSync(folder);
    writeFileSync(join(folder, 'file'), 'from the host');
    const options = {
      mounts: [
        { containerPath: '/data/inner', hostPath: folder, readonly: true, recursiveReadOnly: true },
        { containerPath: '/data', hostPath: folder },
      ],
      linux: {
        resources: { memoryLimitInBytes: 32 * 1024 * 1024 },
        securityContext: { namespaceOptions: { pid: 'POD' as const } },
      },
    };
    const one = await container(id, { metadata: { name: 'one' }, ...shell('sleep 1111'), ...options });
    const two = await container(id, { metadata: { name: 'two' }, ...shell('sleep 2222'), ...options });
    assert.equal(
      await run(one, 'cat /data/file; touch /data/inner/x 2>/dev/null || echo read-only'),
      'from the hostread-only',
    );
    await run(one, 'echo secret > /dev/shm/note');
    assert.equal(await run(two, 'cat /dev/shm/note; ps | grep -c "[s]leep 1111"'), 'secret\n1');
    await shared.host.cri.runtime.UpdateContainerResources({
      containerId: one,
      linux: { memoryLimitInBytes: 64 * 1024 * 1024 },
    });
    const { stats } = await shared.host.cri.runtime.ContainerStats({ containerId: one });
    const memory = stats?.memory;
    const total = (memory?.workingSetBytes?.value ?? 0) + (memory?.availableBytes?.value ?? 0);
    assert.equal(total, 64 * 1024 * 1024);
    await shared.host.cri.runtime.StopContainer({ containerId: two, timeout: 0 });
    assert.equal((await exited(two)).exitCode, 137);
  },
);

test('a pod on the host’s network has no namespace of its own', { skip }, async () => {
  const id = await shared.host.sandbox('on-host', { network: 'NODE' });
  const main = await container(id, shell('sleep 1000'));
  const { info } = await shared.host.cri.runtime.ContainerStatus({ containerId: main, verbose: true });
  const { pid } = JSON.parse(info['info'] ?? '') as { pid: number };
  assert.equal(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync(`/proc/${shared.host.pid}/ns/net`));
});

test('events tell what happens to containers', { skip }, async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const listening = (async () => {
    for await (const event of shared.host.cri.runtime.GetContainerEvents({}, { signal: stop.signal })) {
      seen.push(event.containerEventType);
      // Sandboxes have events as well, and no container in them.
      const [status] = event.containersStatuses;
      if (event.containerEventType === 'CONTAINER_STOPPED_EVENT' && status !== undefined) {
        assert.equal(status.exitCode, 5);
        stop.abort();
      }
    }
  })();
  // The stream is open once an event comes through it; a sandbox makes two.
  const id = await shared.host.sandbox('events');
  await until('the stream is open', async () => {
    if (seen.length > 0) return true;
    const probe = await shared.host.sandbox('events-probe');
    await shared.host.cri.runtime.RemovePodSandbox({ podSandboxId: probe });
    return seen.length > 0;
  });
  if (!stop.signal.aborted) await container(id, shell('exit 5'));
  await listening;
  assert.ok(seen.includes('CONTAINER_STOPPED_EVENT'));
});

test('what cannot be given is refused, and a sandbox that fails leaves nothing', { skip }, async () => {
  const id = await shared.host.sandbox('refusals');
  await assert.rejects(
    container(id, { mounts: [{ containerPath: '/x', image: { image: demoImageName } }] }),
    (error) => error instanceof CriError && error.code === criStatus.UNIMPLEMENTED,
  );
  await assert.rejects(
    container(id, { image: { image: 'no/such:image' } }),
    (error) => error instanceof CriError && error.code === criStatus.NOT_FOUND,
  );
  assert.deepEqual(
    (await shared.host.cri.runtime.ListContainers({ filter: { podSandboxId: id } })).containers,
    [],
  );
  const config = join(shared.host.folder, 'net.d/10-test.conflist');
  renameSync(config, `${config}.away`);
  try {
    const { status } = await shared.host.cri.runtime.Status({});
    assert.equal(status?.conditions.find(({ type }) => type === 'NetworkReady')?.status, false);
    await assert.rejects(shared.host.sandbox('unconnected'), /no CNI network configuration/);
    const { items } = await shared.host.cri.runtime.ListPodSandbox({
      filter: { labelSelector: { app: 'unconnected' } },
    });
    assert.deepEqual(items, []);
  } finally {
    renameSync(`${config}.away`, config);
  }
});
