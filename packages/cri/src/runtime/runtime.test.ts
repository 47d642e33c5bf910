import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ContainerConfig } from '@timonier/grpc/cri';
import { processArguments, processEnvironment, stopSignalName } from '../container/process-config.ts';
import { resolveUser } from '../image/user.ts';
import { cgroupOf } from '../sandbox/run.ts';
import { resolvConf } from '../sandbox/files.ts';
import { sysctlNamespace } from '../sandbox/namespaces.ts';
import { boundingSet, chooseCapabilities } from './capabilities.ts';
import { addressesOf, Cni, type PodNetwork } from './cni.ts';
import { EventHub } from './events.ts';
import { Gate } from './gate.ts';
import { Locks } from './locks.ts';
import { Records } from './records.ts';
import { defaultSeccomp } from './seccomp.ts';

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-cri-unit-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const result = use(folder);
  if (result instanceof Promise) return result.finally(remove) as T;
  remove();
  return result;
}

test('capabilities: defaults, ALL on either side, names beat ALL, and never more than there are', () => {
  const available = boundingSet('CapBnd:\t000001fffeffffff\n');
  assert.ok(available.has('CAP_SYS_ADMIN') && !available.has('CAP_SYS_RESOURCE'));
  const choose = (add: string[], drop: string[], privileged = false) =>
    chooseCapabilities({ add, drop, privileged }, available);
  assert.ok(choose([], []).includes('CAP_CHOWN') && !choose([], []).includes('CAP_SYS_ADMIN'));
  assert.deepEqual(choose([], ['ALL']), []);
  assert.deepEqual(choose(['net_admin'], ['ALL']), ['CAP_NET_ADMIN']);
  assert.equal(choose(['ALL'], []).length, available.size);
  assert.ok(!choose(['ALL'], ['CAP_SYS_ADMIN']).includes('CAP_SYS_ADMIN'));
  assert.deepEqual(choose(['SYS_RESOURCE'], ['ALL']), []);
  assert.equal(choose([], [], true).length, available.size);
});

test('the default filter gives a system call back with the capability that covers it', () => {
  const denied = (capabilities: string[]) => {
    const { syscalls } = defaultSeccomp(capabilities) as { syscalls: { names: string[] }[] };
    return new Set(syscalls.flatMap(({ names }) => names));
  };
  for (const call of ['mount', 'unshare', 'bpf', 'init_module', 'clone3', 'keyctl'])
    assert.ok(denied([]).has(call), call);
  const admin = denied(['CAP_SYS_ADMIN']);
  assert.ok(!admin.has('mount') && !admin.has('bpf') && !admin.has('clone3') && admin.has('keyctl'));
});

test('command and arguments follow Kubernetes’ rules over the image’s', () => {
  const image = { Entrypoint: ['/entry'], Cmd: ['default'] };
  const args = (command: string[], args: string[]) =>
    processArguments({ command, args } as unknown as ContainerConfig, image);
  assert.deepEqual(args([], []), ['/entry', 'default']);
  assert.deepEqual(args([], ['a']), ['/entry', 'a']);
  assert.deepEqual(args(['/cmd'], []), ['/cmd']);
  assert.deepEqual(args(['/cmd'], ['a']), ['/cmd', 'a']);
  assert.throws(
    () => processArguments({ command: [], args: [] } as unknown as ContainerConfig, {}),
    /no command/,
  );
});

test('the container’s variables beat the image’s, and the image’s beat the defaults', () => {
  const config = { tty: true, envs: [{ key: 'A', value: Buffer.from('pod') }] } as unknown as ContainerConfig;
  const env = processEnvironment(
    config,
    { Env: ['A=image', 'PATH=/only'] },
    { hostname: 'h', home: '/root' },
  );
  assert.deepEqual(env, ['PATH=/only', 'HOSTNAME=h', 'TERM=xterm', 'A=pod', 'HOME=/root']);
});

test('stop signals come from the pod, else the image, else SIGTERM', () => {
  assert.equal(stopSignalName('SIGNAL_SIGRTMINPLUS3', 'SIGQUIT'), 'SIGRTMIN+3');
  assert.equal(stopSignalName('SIGNAL_RUNTIME_DEFAULT', 'QUIT'), 'SIGQUIT');
  assert.equal(stopSignalName('SIGNAL_RUNTIME_DEFAULT', '9'), '9');
  assert.equal(stopSignalName('SIGNAL_RUNTIME_DEFAULT', undefined), 'SIGTERM');
});

test('users resolve by number and name, with the groups the image lists for them', () => {
  inFolder((root) => {
    mkdirSync(join(root, 'etc'));
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/srv:/bin/sh\n');
    writeFileSync(join(root, 'etc/group'), 'wheel:x:10:app\nextra:x:20:\n');
    const base = { imageUser: '', supplementalGroups: [], mergeImageGroups: true };
    const ids = (wish: object) => {
      const { uid, gid, additionalGids } = resolveUser(root, { ...base, ...wish });
      return [uid, gid, ...additionalGids];
    };
    assert.deepEqual(ids({}), [0, 0, 0]);
    assert.deepEqual(ids({ imageUser: 'app' }), [1000, 1001, 1001, 10]);
    assert.deepEqual(ids({ imageUser: 'app:extra' }), [1000, 20, 20, 10]);
    assert.deepEqual(ids({ imageUser: 'app', uid: 0 }), [0, 0, 0]);
    assert.deepEqual(ids({ uid: 4242, supplementalGroups: [7] }), [4242, 0, 0, 7]);
    assert.deepEqual(ids({ uid: 1000, gid: 5, mergeImageGroups: false }), [1000, 5, 5]);
    assert.throws(() => ids({ imageUser: 'nobody' }), /"nobody" is not in the image/);
  });
});

test('pods’ groups lie under the prefix exactly once', () => {
  assert.equal(cgroupOf('', ''), '/timonier-pods');
  assert.equal(cgroupOf('/host', '/kubepods/pod1'), '/host/kubepods/pod1');
  assert.equal(cgroupOf('/host', '/host/kubepods/pod1'), '/host/kubepods/pod1');
  assert.equal(cgroupOf('/host', '/../../escape'), '/host/escape');
});

test('only settings of the pod’s own namespaces may be changed', () => {
  assert.equal(sysctlNamespace('net.ipv4.ip_forward'), 'net');
  assert.equal(sysctlNamespace('kernel.shmmax'), 'ipc');
  assert.equal(sysctlNamespace('kernel.panic'), undefined);
  assert.equal(sysctlNamespace('net/../kernel/panic'), undefined);
});

test('resolv.conf lists searches, servers and options', () => {
  const text = resolvConf({ servers: ['10.96.0.10', '1.1.1.1'], searches: ['a', 'b'], options: ['ndots:5'] });
  assert.equal(text, 'search a b\nnameserver 10.96.0.10\nnameserver 1.1.1.1\noptions ndots:5\n');
});

test('a chain of CNI plugins hands results on, and undoes what it did when one fails', async () => {
  await inFolder(async (folder) => {
    const calls = join(folder, 'calls');
    const plugin = (name: string, script: string) => {
      writeFileSync(join(folder, name), `#!/bin/sh\necho "${name} $CNI_COMMAND" >> ${calls}\n${script}\n`);
      chmodSync(join(folder, name), 0o755);
    };
    plugin('first', `[ $CNI_COMMAND = DEL ] || echo '{"ips":[{"address":"10.1.2.3/24"}]}'`);
    plugin(
      'second',
      `input=$(cat); [ $CNI_COMMAND = DEL ] || echo "$input" | grep -o '"prevResult":{.*}' | cut -d: -f2- | sed 's/}$//'`,
    );
    plugin('broken', `[ $CNI_COMMAND = DEL ] && exit 0; echo '{"code":7,"msg":"no address left"}'; exit 1`);
    const configure = (...types: string[]) =>
      writeFileSync(
        join(folder, 'net.conflist'),
        JSON.stringify({ cniVersion: '1.0.0', name: 'n', plugins: types.map((type) => ({ type })) }),
      );
    const pod: PodNetwork = {
      sandboxId: 's',
      namespacePath: '/x',
      podName: 'p',
      podNamespace: 'd',
      podUid: 'u',
      portMappings: [],
    };
    const cni = new Cni(folder, [folder]);
    assert.throws(() => cni.network(), /no CNI network configuration/);
    configure('first', 'second');
    assert.deepEqual(addressesOf(await cni.add(pod)), ['10.1.2.3']);
    await cni.remove(pod, {});
    configure('first', 'broken');
    await assert.rejects(cni.add(pod), /CNI broken ADD: no address left/);
    assert.deepEqual(readFileSync(calls, 'utf8').trim().split('\n'), [
      'first ADD',
      'second ADD',
      'second DEL',
      'first DEL',
      'first ADD',
      'broken ADD',
      'broken DEL',
      'first DEL',
    ]);
  });
});

test('records survive a restart, and a torn one is dropped', () => {
  inFolder((folder) => {
    const records = new Records<{ id: string; value: number }>(folder, 'thing');
    records.load();
    records.put({ id: 'aaaa1', value: 1 });
    records.put({ id: 'bbbb2', value: 2 });
    records.update('aaaa1', { value: 3 });
    writeFileSync(join(folder, 'bbbb2/record.json'), '{"id":');
    const again = new Records<{ id: string; value: number }>(folder, 'thing');
    again.load();
    assert.deepEqual(again.list(), [{ id: 'aaaa1', value: 3 }]);
    assert.equal(again.find('aaaa')?.value, 3);
    assert.throws(() => again.get('cccc'), /no thing with ID "cccc"/);
  });
});

test('work under one name runs in order, also after a failure', async () => {
  const locks = new Locks();
  const order: number[] = [];
  const failing = locks.run('x', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    order.push(1);
    throw new Error('first fails');
  });
  const second = locks.run('x', async () => void order.push(2));
  await assert.rejects(failing, /first fails/);
  await second;
  assert.deepEqual(order, [1, 2]);
});

test('a listener that falls too far behind is ended', async () => {
  const hub = new EventHub<number>();
  const stream = hub.subscribe(new AbortController().signal)[Symbol.asyncIterator]();
  const first = stream.next();
  for (let i = 0; i < 2_000; i++) hub.publish(i);
  assert.equal((await first).value, 0);
  await assert.rejects(async () => {
    for (let i = 0; i < 2_000; i++) await stream.next();
  }, /more than 1000 events behind/);
  assert.equal(hub.listeners, 0);
});

test('a gate lets the most urgent work in first, never more than its limit, and survives failures', async () => {
  const gate = new Gate(2);
  const order: string[] = [];
  let running = 0;
  const work = (name: string, urgency: number) =>
    gate.run(urgency, async () => {
      running += 1;
      assert.ok(running <= 2);
      order.push(name);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      if (name === 'fails') throw new Error(name);
    });
  const all = [work('a', 2), work('fails', 2), work('late', 2), work('urgent', 0), work('middle', 1)];
  const results = await Promise.allSettled(all);
  assert.equal(results.filter(({ status }) => status === 'rejected').length, 1);
  assert.deepEqual(order, ['a', 'fails', 'urgent', 'middle', 'late']);
  await work('after', 2);
});
