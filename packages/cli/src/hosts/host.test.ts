import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { LocalCluster } from '../cluster/local-cluster.ts';
import { observeHost } from '../cluster/observe.ts';
import { claimSubnet, processIdentity, readRecord, writeRecord } from '../cluster/record.ts';
import { programCommand } from '../program.ts';
import type { Host } from './host.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root for namespaces, cgroups and links';
const forwarding = '/proc/sys/net/ipv4/ip_forward';

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  // A supervisor and its processes have to start.
  const deadline = Date.now() + 120_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `${what} never came true`);
    await delay(20);
  }
}

/** A cluster that is one worker host: its supervisor runs, and its components look for an API server in vain. */
async function oneHost(t: TestContext, upPid = process.pid): Promise<{ cluster: LocalCluster; host: Host }> {
  const name = `test-${process.pid}-${Math.floor(Math.random() * 1e6)}`;
  const dataDir = mkdtempSync(join(tmpdir(), 'timonier-host-'));
  const identity = processIdentity(process.pid);
  assert.ok(identity !== undefined);
  const cluster = new LocalCluster({
    spec: {
      name,
      masters: 1,
      workers: 1,
      runtime: 'timonier',
      storeEndpoints: [],
      subnet: claimSubnet(name, undefined),
    },
    dataDir,
    up: { ...identity, pid: upPid },
    phase: 'running',
    kubeconfig: join(dataDir, 'kubeconfig'),
    forwards: { api: null, metrics: null },
  });
  t.after(async () => {
    await cluster.remove(0);
    rmSync(dataDir, { recursive: true });
  });
  writeRecord(cluster.record);
  await cluster.writeFiles();
  await cluster.createNetwork();
  const host = cluster.host('worker-1');
  (await host.start()).unref();
  await until(
    'the supervisor runs its processes',
    async () => (await observeHost(host)).processes.length > 1,
  );
  return { cluster, host };
}

function pings(address: string): boolean {
  return spawnSync('ping', ['-c', '1', '-W', '1', address]).status === 0;
}

test('a host has namespaces of its own, its supervisor as PID 1, and its own files', { skip }, async (t) => {
  const { cluster, host } = await oneHost(t);
  const init = host.init();
  assert.ok(init !== undefined);
  for (const kind of ['net', 'mnt', 'pid', 'uts', 'ipc', 'cgroup']) {
    assert.notEqual(readlinkSync(`/proc/${init}/ns/${kind}`), readlinkSync(`/proc/self/ns/${kind}`), kind);
  }
  assert.match(readFileSync(`/proc/${init}/cmdline`, 'utf8').replaceAll('\0', ' '), /worker $/);
  const inside = async (script: string): Promise<string> => {
    const { code, output } = await host.capture(['sh', '-c', script]);
    assert.equal(code, 0, output);
    return output.trim();
  };
  assert.equal(await inside('hostname'), 'worker-1');
  assert.match(await inside('cat /etc/hosts'), /10\.88\.\d+\.11\tmaster-1/);
  assert.equal(await inside('ls /sys/fs/cgroup/unified 2>/dev/null || echo none'), 'none');
  // What a host writes to /etc and /var outside its data is nobody else's.
  await inside('touch /etc/timonier-test-mark /var/timonier-test-mark /var/lib/kubelet/mark');
  assert.equal(existsSync('/etc/timonier-test-mark') || existsSync('/var/timonier-test-mark'), false);
  assert.equal(existsSync(join(host.dir, 'kubelet', 'mark')), true);
  assert.equal(pings(host.plan.address), true);
  assert.equal((await host.capture(['sh', '-c', 'exit 7'])).code, 7);
  assert.match(
    (await host.capture(['ping', '-c', '1', '-W', '1', cluster.plan.gateway])).output,
    / 1 received/,
  );
});

test('a host can be frozen, cut off, killed and started again', { skip }, async (t) => {
  const { host } = await oneHost(t);
  host.freeze(true);
  await until('the host is frozen', () => host.cgroup.frozen());
  assert.equal((await observeHost(host)).frozen, true);
  host.freeze(false);
  await until('the host is thawed', () => !host.cgroup.frozen());

  await host.cut(true);
  assert.equal(pings(host.plan.address), false);
  await host.cut(false);
  await until('the host answers', () => pings(host.plan.address));

  host.freeze(true);
  await host.kill();
  assert.deepEqual(host.cgroup.processes(), []);
  assert.equal((await observeHost(host)).running, false);
  assert.throws(() => host.path('/'), /worker-1 is not running/);

  (await host.start()).unref();
  await until('the host is back', () => pings(host.plan.address) && host.init() !== undefined);
  await host.powerOff();
  assert.equal(pings(host.plan.address), false);
  assert.deepEqual(host.cgroup.processes(), []);
});

test('down removes everything that an up which was killed left behind', { skip }, async (t) => {
  const before = readFileSync(forwarding, 'utf8');
  // The pid of nobody, with our start time: an `up` that is dead.
  const { cluster, host } = await oneHost(t, 4_194_304);
  const [program = '', ...entry] = programCommand();
  const { name, subnet } = cluster.record.spec;
  const down = spawnSync(program, [...entry, 'down', '--name', name], { encoding: 'utf8', timeout: 60_000 });
  assert.equal(down.status, 0, down.stderr);
  assert.equal(host.init(), undefined);
  assert.equal(readRecord(name), undefined);
  assert.equal(existsSync(`/run/netns/${host.plan.netns}`), false);
  assert.equal(existsSync(`/sys/class/net/${cluster.plan.bridge}`), false);
  assert.equal(existsSync(`/sys/class/net/${host.plan.link}`), false);
  assert.equal(existsSync(`/run/timonier/subnets/${subnet}`), false);
  const { stdout } = spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' });
  assert.equal(stdout.includes(cluster.plan.nftTable), false);
  const groups = spawnSync('find', ['/sys/fs/cgroup', '-maxdepth', '4', '-name', name], { encoding: 'utf8' });
  assert.equal(groups.stdout, '');
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  assert.equal(mounts.includes(cluster.record.dataDir), false);
  // Another cluster on this machine may still need forwarding.
  if (!existsSync('/run/timonier/forwarding')) assert.equal(readFileSync(forwarding, 'utf8'), before);
});
