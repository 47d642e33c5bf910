import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { criStatus, CriError, type ContainerConfig, type Draft } from '@timonier/grpc/cri';
import { dial, openStreams } from '@timonier/streaming';
import { buildDemoImage, buildImage, busyboxFiles, demoImageName } from '../../../deploy/images/demo.ts';
import { importImage } from './import-service.ts';
import { TestHost, until, whyNot } from './testing/host.ts';

const skip = whyNot();
let host: TestHost;

before(async () => {
  if (skip !== false) return;
  host = new TestHost();
  await host.start();
  const archive = join(host.folder, 'demo.tar');
  await buildDemoImage(archive);
  const images = await importImage(host.socket, archive);
  assert.deepEqual(images[0]?.tags, [demoImageName]);
});

after(async () => {
  await host?.dispose();
});

async function container(podSandboxId: string, config: Draft<ContainerConfig>): Promise<string> {
  const { containerId } = await host.cri.runtime.CreateContainer({
    podSandboxId,
    config: { image: { image: demoImageName }, metadata: { name: 'main' }, logPath: 'main.log', ...config },
  });
  await host.cri.runtime.StartContainer({ containerId });
  return containerId;
}

const shell = (script: string) => ({ command: ['/bin/sh', '-c', script] });

async function exited(containerId: string) {
  await until('the container ends', async () => {
    const { status } = await host.cri.runtime.ContainerStatus({ containerId });
    return status?.state === 'CONTAINER_EXITED';
  });
  const { status } = await host.cri.runtime.ContainerStatus({ containerId });
  assert.ok(status !== undefined);
  return status;
}

async function run(containerId: string, script: string): Promise<string> {
  const answer = await host.cri.runtime.ExecSync({
    containerId,
    cmd: ['/bin/sh', '-c', script],
    timeout: 60,
  });
  assert.equal(answer.exitCode, 0, answer.stderr.toString());
  return answer.stdout.toString().trim();
}

test(
  'a pod gets an address, a name and its own namespaces, and serves from its image',
  { skip },
  async () => {
    const first = await host.sandbox('web');
    const second = await host.sandbox('client');
    const server = await container(first, {});
    const client = await container(second, shell('sleep 1000'));
    const { status } = await host.cri.runtime.PodSandboxStatus({ podSandboxId: first });
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
        const { info } = await host.cri.runtime.ContainerStatus({ containerId, verbose: true });
        return (JSON.parse(info['info'] ?? '') as { pid: number }).pid;
      }),
    );
    for (const kind of ['net', 'ipc', 'uts', 'pid', 'mnt']) {
      const [a, b, own] = [...pids, 'self'].map((pid) => readlinkSync(`/proc/${pid}/ns/${kind}`));
      assert.equal(new Set([a, b, own]).size, 3, `${kind} namespaces are distinct`);
    }
    const log = readFileSync(join(host.logs, 'web/main.log'), 'utf8');
    assert.match(log, /^\d{4}-\d\d-\d\dT[\d:.]+\+00:00 stdout F web listens on port 8080$/m);
    const { stats } = await host.cri.runtime.ContainerStats({ containerId: server });
    assert.ok((stats?.memory?.workingSetBytes?.value ?? 0) > 0);
    assert.ok((stats?.cpu?.usageCoreNanoSeconds?.value ?? 0) > 0);
    const pod = (await host.cri.runtime.PodSandboxStats({ podSandboxId: first })).stats;
    assert.ok((pod?.linux?.network?.defaultInterface?.rxBytes?.value ?? 0) > 0);
    const listed = await host.cri.runtime.ListContainers({ filter: { podSandboxId: first } });
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
    const id = await host.sandbox('twice');
    await assert.rejects(
      host.sandbox('twice'),
      (error) => error instanceof CriError && error.code === criStatus.ALREADY_EXISTS,
    );
    const main = await container(id, shell('sleep 1000'));
    await assert.rejects(
      container(id, {}),
      (error) => error instanceof CriError && error.code === criStatus.ALREADY_EXISTS,
    );
    for (let i = 0; i < 2; i++) await host.cri.runtime.StopContainer({ containerId: main, timeout: 0 });
    for (let i = 0; i < 2; i++) await host.cri.runtime.RemoveContainer({ containerId: main });
    for (let i = 0; i < 2; i++) await host.cri.runtime.StopPodSandbox({ podSandboxId: id });
    for (let i = 0; i < 2; i++) await host.cri.runtime.RemovePodSandbox({ podSandboxId: id });
    await assert.rejects(
      host.cri.runtime.PodSandboxStatus({ podSandboxId: id }),
      (error) => error instanceof CriError && error.code === criStatus.NOT_FOUND,
    );
  },
);

test('exit codes, an early exit and a killed straggler are told apart', { skip }, async () => {
  const id = await host.sandbox('exits');
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
    /ready/.test(readFileSync(join(host.logs, 'exits/polite.log'), 'utf8')),
  );
  await host.cri.runtime.StopContainer({ containerId: polite, timeout: 10 });
  assert.equal((await exited(polite)).exitCode, 3);
  const stubborn = await container(id, { metadata: { name: 'stubborn' }, ...shell('sleep 1000') });
  await host.cri.runtime.StopContainer({ containerId: stubborn, timeout: 1 });
  assert.equal((await exited(stubborn)).exitCode, 137);
  await assert.rejects(
    container(id, { metadata: { name: 'missing' }, command: ['/no/such/program'] }),
    (error) => error instanceof CriError && /no\/such\/program/.test(error.details),
  );
});

test('a container that takes more memory than its limit is reported as out of memory', { skip }, async () => {
  const id = await host.sandbox('oom');
  const greedy = await container(id, {
    ...shell('x=0123456789; while :; do x=$x$x; done'),
    linux: { resources: { memoryLimitInBytes: 16 * 1024 * 1024, oomScoreAdj: -900 } },
  });
  const status = await exited(greedy);
  assert.deepEqual([status.exitCode, status.reason], [137, 'OOMKilled']);
});

test('users, groups, capabilities, environment and read-only roots are as asked for', { skip }, async () => {
  const id = await host.sandbox('security');
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
  const { status } = await host.cri.runtime.ContainerStatus({ containerId: plain });
  assert.deepEqual(status?.user?.linux, { uid: 1000, gid: 1000, supplementalGroups: [1000, 2000, 29] });
});

test(
  'mounts appear, containers of a pod share what they should, and limits can change',
  { skip },
  async () => {
    const id = await host.sandbox('shared', { pid: 'POD' });
    const folder = join(host.folder, 'volume');
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
    await host.cri.runtime.UpdateContainerResources({
      containerId: one,
      linux: { memoryLimitInBytes: 64 * 1024 * 1024 },
    });
    const { stats } = await host.cri.runtime.ContainerStats({ containerId: one });
    const memory = stats?.memory;
    const total = (memory?.workingSetBytes?.value ?? 0) + (memory?.availableBytes?.value ?? 0);
    assert.equal(total, 64 * 1024 * 1024);
    await host.cri.runtime.StopContainer({ containerId: two, timeout: 0 });
    assert.equal((await exited(two)).exitCode, 137);
  },
);

test('a pod on the host’s network has no namespace of its own', { skip }, async () => {
  const id = await host.sandbox('on-host', { network: 'NODE' });
  const main = await container(id, shell('sleep 1000'));
  const { info } = await host.cri.runtime.ContainerStatus({ containerId: main, verbose: true });
  const { pid } = JSON.parse(info['info'] ?? '') as { pid: number };
  assert.equal(readlinkSync(`/proc/${pid}/ns/net`), readlinkSync(`/proc/${host.pid}/ns/net`));
});

test('exec streams input, output and exit code, with and without a terminal', { skip }, async () => {
  const id = await host.sandbox('exec');
  const main = await container(id, shell('sleep 1000'));
  const plain = await host.cri.runtime.Exec({
    containerId: main,
    cmd: ['sh', '-c', 'tr a-z A-Z; echo problem >&2; exit 3'],
    stdin: true,
    stdout: true,
    stderr: true,
  });
  const streams = await openStreams(plain.url);
  streams.stdin.end('hello');
  assert.deepEqual(await Promise.all([text(streams.stdout), text(streams.stderr)]), ['HELLO', 'problem\n']);
  assert.deepEqual(await streams.outcome, { exitCode: 3 });
  await assert.rejects(openStreams(plain.url), /404/);
  const terminal = await host.cri.runtime.Exec({
    containerId: main,
    cmd: ['sh'],
    stdin: true,
    stdout: true,
    tty: true,
  });
  const session = await openStreams(terminal.url);
  await session.resize({ columns: 91, rows: 17 });
  session.stdin.write('stty size; exit 4\n');
  assert.match(await text(session.stdout), /17 91/);
  assert.deepEqual(await session.outcome, { exitCode: 4 });
  const big = await host.cri.runtime.Exec({
    containerId: main,
    cmd: ['sh', '-c', 'head -c 3000000 /dev/zero; (sleep 66 &)'],
    stdout: true,
  });
  const lazy = await openStreams(big.url);
  lazy.stdout.pause();
  // Longer than a silent output is waited for: an output that waits for its reader is not silent.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  assert.equal((await text(lazy.stdout)).length, 3_000_000);
  assert.deepEqual(await lazy.outcome, { exitCode: 0 });
  const slow = { containerId: main, cmd: ['sleep', '77'], timeout: 1 };
  await assert.rejects(
    host.cri.runtime.ExecSync(slow),
    (error) => error instanceof CriError && error.code === criStatus.DEADLINE_EXCEEDED,
  );
  assert.equal(await run(main, 'ps | grep -c "[s]leep 77" || true'), '0');
  const abandoned = await host.cri.runtime.Exec({ containerId: main, cmd: ['sleep', '88'], stdout: true });
  (await openStreams(abandoned.url)).close();
  await until(
    'the abandoned command is gone',
    async () => (await run(main, 'ps | grep -c "[s]leep 88" || true')) === '0',
  );
});

test('attach reaches the process the container started with', { skip }, async () => {
  const id = await host.sandbox('attach');
  const main = await container(id, {
    ...shell('while read line; do echo "got $line"; [ "$line" = end ] && exit 9; done'),
    stdin: true,
    logPath: 'attach.log',
  });
  const { url } = await host.cri.runtime.Attach({
    containerId: main,
    stdin: true,
    stdout: true,
    stderr: true,
  });
  const streams = await openStreams(url);
  streams.stdin.write('one\nend\n');
  assert.equal(await text(streams.stdout), 'got one\ngot end\n');
  assert.deepEqual(await streams.outcome, { exitCode: 9 });
});

test('a port of a pod can be forwarded', { skip }, async () => {
  const id = await host.sandbox('forward');
  const main = await container(id, {});
  await until('the server listens', async () => (await run(main, 'netstat -ltn | grep -c 8080')) === '1');
  const { url } = await host.cri.runtime.PortForward({ podSandboxId: id, port: [8080, 9] });
  const socket = await dial(url, { protocols: ['v4.channel.k8s.io'] });
  const received = new Map<number, string>();
  socket.on('message', (data: Buffer) => {
    received.set(data[0] ?? 0, (received.get(data[0] ?? 0) ?? '') + data.subarray(1).toString('latin1'));
  });
  socket.resume();
  socket.send(Buffer.from('\0GET / HTTP/1.0\r\n\r\n', 'latin1'));
  await until('the answer comes back', async () => /Hello from forward/.test(received.get(0) ?? ''));
  assert.match(received.get(3) ?? '', /ECONNREFUSED/);
  socket.terminate();
});

test('a log that was moved away is started anew on request', { skip }, async () => {
  const id = await host.sandbox('rotate');
  const main = await container(id, {
    ...shell('i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done'),
    logPath: 'r.log',
  });
  const file = join(host.logs, 'rotate/r.log');
  await until('something is logged', async () => readFileSync(file).length > 0);
  renameSync(file, `${file}.1`);
  await host.cri.runtime.ReopenContainerLog({ containerId: main });
  await until('the new file fills', async () => readFileSync(file).length > 0);
  const numbers = [`${file}.1`, file].flatMap((name) =>
    [...readFileSync(name, 'utf8').matchAll(/line (\d+)\n/g)].map((match) => Number(match[1])),
  );
  assert.deepEqual(
    numbers,
    numbers.map((_n, i) => i + 1),
  );
});

test('events tell what happens to containers', { skip }, async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const listening = (async () => {
    for await (const event of host.cri.runtime.GetContainerEvents({}, { signal: stop.signal })) {
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
  const id = await host.sandbox('events');
  await until('the stream is open', async () => {
    if (seen.length > 0) return true;
    const probe = await host.sandbox('events-probe');
    await host.cri.runtime.RemovePodSandbox({ podSandboxId: probe });
    return seen.length > 0;
  });
  if (!stop.signal.aborted) await container(id, shell('exit 5'));
  await listening;
  assert.ok(seen.includes('CONTAINER_STOPPED_EVENT'));
});

test('an image is pulled from a registry, verified, shared and removed', { skip }, async () => {
  const port = await freePort();
  const data = join(host.folder, 'registry');
  mkdirSync(data);
  const config = join(host.folder, 'registry.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${data}}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
  );
  const registry = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  try {
    const archive = join(host.folder, 'pull.tar');
    const files = await busyboxFiles();
    await buildImage(archive, {
      name: 'pull:latest',
      layers: [
        files,
        [{ path: 'marker', content: 'upper' }, { path: 'bin/.wh.vi' }, { path: 'root/.wh..wh..opq' }],
      ],
      config: { Cmd: ['/bin/cat', '/marker'], User: 'demo' },
    });
    const name = `127.0.0.1:${port}/team/pull:v1`;
    await until('the registry listens', async () => (await fetch(`http://127.0.0.1:${port}/v2/`)).ok);
    execFileSync('skopeo', [
      'copy',
      '--quiet',
      '--dest-tls-verify=false',
      `oci-archive:${archive}`,
      `docker://${name}`,
    ]);
    const { imageRef } = await host.cri.images.PullImage({ image: { image: name } });
    assert.match(imageRef, new RegExp(`^127.0.0.1:${port}/team/pull@sha256:[0-9a-f]{64}$`));
    const { image } = await host.cri.images.ImageStatus({ image: { image: name } });
    assert.deepEqual([image?.repoTags, image?.repoDigests, image?.username], [[name], [imageRef], 'demo']);
    const id = await host.sandbox('pulled');
    const main = await container(id, { image: { image: imageRef } });
    assert.equal((await exited(main)).exitCode, 0);
    assert.match(readFileSync(join(host.logs, 'pulled/main.log'), 'utf8'), /stdout [FP] upper/);
    const second = await container(id, {
      image: { image: imageRef },
      metadata: { name: 'ls' },
      ...shell('sleep 1000'),
    });
    assert.equal(await run(second, 'ls /bin/vi 2>/dev/null || echo hidden'), 'hidden');
    await assert.rejects(
      host.cri.images.RemoveImage({ image: { image: name } }),
      (error) => error instanceof CriError && error.code === criStatus.FAILED_PRECONDITION,
    );
    await host.cri.runtime.RemovePodSandbox({ podSandboxId: id });
    const before = (await host.cri.images.ImageFsInfo({})).imageFilesystems[0]?.usedBytes?.value ?? 0;
    await host.cri.images.RemoveImage({ image: { image: name } });
    await host.cri.images.RemoveImage({ image: { image: name } });
    assert.equal((await host.cri.images.ImageStatus({ image: { image: name } })).image, undefined);
    const left = (await host.cri.images.ImageFsInfo({})).imageFilesystems[0]?.usedBytes?.value ?? 0;
    assert.ok(left < before);
    await assert.rejects(
      host.cri.images.PullImage({ image: { image: `127.0.0.1:${port}/team/nothing` } }),
      (error) => error instanceof CriError && error.code === criStatus.NOT_FOUND,
    );
    await assert.rejects(
      host.cri.images.PullImage({ image: { image: 'Not A Name' } }),
      (error) => error instanceof CriError && error.code === criStatus.INVALID_ARGUMENT,
    );
  } finally {
    registry.kill();
  }
});

test(
  'an archive of docker is taken like one of OCI, and one that is neither is refused',
  { skip },
  async () => {
    const oci = join(host.folder, 'oci.tar');
    const docker = join(host.folder, 'docker.tar');
    const layers = [await busyboxFiles(), [{ path: 'marker', content: 'from docker' }]];
    await buildImage(oci, { name: 'as-oci:latest', layers, config: { Cmd: ['/bin/cat', '/marker'] } });
    const name = 'example.com/team/docker:v1';
    execFileSync('skopeo', ['copy', '--quiet', `oci-archive:${oci}`, `docker-archive:${docker}:${name}`]);
    assert.deepEqual((await importImage(host.socket, docker))[0]?.tags, [name]);
    const id = await host.sandbox('from-docker');
    const main = await container(id, { image: { image: name } });
    assert.equal((await exited(main)).exitCode, 0);
    assert.match(readFileSync(join(host.logs, 'from-docker/main.log'), 'utf8'), /stdout [FP] from docker/);
    await host.cri.runtime.RemovePodSandbox({ podSandboxId: id });
    const neither = join(host.folder, 'neither.tar');
    execFileSync('tar', ['-cf', neither, '-C', host.folder, 'oci.tar']);
    await assert.rejects(importImage(host.socket, neither), /is no image archive: it has neither/);
  },
);

test('containers do not notice that the runtime is killed and comes back', { skip }, async () => {
  const id = await host.sandbox('survivor');
  const alive = await container(id, {
    metadata: { name: 'alive' },
    logPath: 'alive.log',
    ...shell('sleep 1000'),
  });
  const ending = await container(id, { metadata: { name: 'ending' }, ...shell('sleep 1.5; exit 6') });
  await host.stop('SIGKILL');
  await until('the other container ends meanwhile', async () => {
    const record = JSON.parse(
      readFileSync(join(host.folder, 'root/containers', ending, 'record.json'), 'utf8'),
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
  await host.start();
  assert.equal((await exited(ending)).exitCode, 6);
  assert.equal(await run(alive, 'echo still here'), 'still here');
  const { status } = await host.cri.runtime.PodSandboxStatus({ podSandboxId: id });
  assert.equal(status?.state, 'SANDBOX_READY');
  await host.cri.runtime.RemovePodSandbox({ podSandboxId: id });
  assert.deepEqual((await host.cri.runtime.ListContainers({ filter: { podSandboxId: id } })).containers, []);
});

test('after a reboot what ran has ended, and its addresses are free again', { skip }, async () => {
  const id = await host.sandbox('rebooted');
  const main = await container(id, { ...shell('sleep 1000'), logPath: '' });
  const { status } = await host.cri.runtime.PodSandboxStatus({ podSandboxId: id });
  const lease = join(host.folder, 'ipam/test', status?.network?.ip ?? '');
  assert.ok(existsSync(lease));
  await host.reboot();
  assert.equal((await exited(main)).exitCode, 255);
  const after = await host.cri.runtime.PodSandboxStatus({ podSandboxId: id });
  assert.equal(after.status?.state, 'SANDBOX_NOTREADY');
  await host.cri.runtime.RemovePodSandbox({ podSandboxId: id });
  assert.ok(!existsSync(lease));
  const again = await container(await host.sandbox('rebooted'), shell('sleep 1000'));
  assert.equal(await run(again, 'echo runs'), 'runs');
});

test('importing what is no image, or into no runtime, says what to do', { skip }, async () => {
  const junk = join(host.folder, 'junk.tar');
  writeFileSync(junk, 'not a tar');
  await assert.rejects(importImage(host.socket, junk), /junk.tar/);
  await assert.rejects(importImage(host.socket, '/no/such/file'), /^Error: no such file: \/no\/such\/file$/);
  await assert.rejects(
    importImage(join(host.folder, 'none.sock'), junk),
    /no container runtime answers on .*--socket/,
  );
});

test('what cannot be given is refused, and a sandbox that fails leaves nothing', { skip }, async () => {
  const id = await host.sandbox('refusals');
  await assert.rejects(
    container(id, { mounts: [{ containerPath: '/x', image: { image: demoImageName } }] }),
    (error) => error instanceof CriError && error.code === criStatus.UNIMPLEMENTED,
  );
  await assert.rejects(
    container(id, { image: { image: 'no/such:image' } }),
    (error) => error instanceof CriError && error.code === criStatus.NOT_FOUND,
  );
  assert.deepEqual((await host.cri.runtime.ListContainers({ filter: { podSandboxId: id } })).containers, []);
  const config = join(host.folder, 'net.d/10-test.conflist');
  renameSync(config, `${config}.away`);
  try {
    const { status } = await host.cri.runtime.Status({});
    assert.equal(status?.conditions.find(({ type }) => type === 'NetworkReady')?.status, false);
    await assert.rejects(host.sandbox('unconnected'), /no CNI network configuration/);
    const { items } = await host.cri.runtime.ListPodSandbox({
      filter: { labelSelector: { app: 'unconnected' } },
    });
    assert.deepEqual(items, []);
  } finally {
    renameSync(`${config}.away`, config);
  }
});

test(
  'runc does what crun does',
  { skip: skip === false && !existsSync('/usr/sbin/runc') ? 'no runc' : skip },
  async () => {
    const { items } = await host.cri.runtime.ListPodSandbox({});
    for (const { id } of items) await host.cri.runtime.RemovePodSandbox({ podSandboxId: id });
    await host.stop();
    await host.start('--runtime', 'runc');
    const id = await host.sandbox('runc', { pid: 'POD' });
    const main = await container(id, {
      ...shell('sleep 1000'),
      linux: {
        securityContext: { namespaceOptions: { pid: 'POD' } },
        resources: { memoryLimitInBytes: 32 * 1024 * 1024 },
      },
    });
    assert.equal(await run(main, 'hostname'), 'runc');
    await host.cri.runtime.UpdateContainerResources({ containerId: main, linux: { cpuShares: 200 } });
    const { url } = await host.cri.runtime.Exec({
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
    await host.cri.runtime.StopContainer({ containerId: main, timeout: 0 });
    assert.equal((await exited(main)).exitCode, 137);
  },
);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
