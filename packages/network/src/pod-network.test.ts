/** One pass of the pod network in a network namespace of its own. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const skip = process.getuid?.() === 0 ? false : 'needs root for network namespaces';
const namespace = `pnt${randomBytes(3).toString('hex')}`;
const directory = mkdtempSync(join(tmpdir(), 'timonier-network-'));
const config = join(directory, 'net.d', '10-timonier.conflist');

function inside(...command: string[]): string {
  return execFileSync('nsenter', [`--net=/run/netns/${namespace}`, ...command], { encoding: 'utf8' });
}

/** Applies the pod network for nodes given as NAME → [pod range, address]. */
function apply(nodes: Record<string, readonly [string, string]>): void {
  const list = Object.entries(nodes).map(([name, [podCIDR, address]]) => ({
    metadata: { name },
    spec: { podCIDR },
    status: { addresses: [{ type: 'InternalIP', address }] },
  }));
  const script = `
    const { PodNetwork } = await import(process.argv[1]);
    const network = new PodNetwork({ nodeName: 'a', podRange: '10.244.0.0/16', cniConfigPath: process.argv[2] });
    await network.apply(JSON.parse(process.argv[3]));`;
  const module = fileURLToPath(new URL('./pod-network.ts', import.meta.url));
  inside(process.execPath, '--input-type=module', '-e', script, module, config, JSON.stringify(list));
}

before(() => {
  if (skip !== false) return;
  execFileSync('ip', ['netns', 'add', namespace]);
  inside('ip', 'link', 'set', 'lo', 'up');
  inside('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'peer0');
  inside('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'eth0');
  inside('ip', 'link', 'set', 'eth0', 'up');
  inside('ip', 'link', 'set', 'peer0', 'up');
});
after(() => {
  if (skip === false) execFileSync('ip', ['netns', 'del', namespace]);
  rmSync(directory, { recursive: true, force: true });
});

test('other nodes get routes, the own range a CNI configuration and masquerading', { skip }, () => {
  apply({
    a: ['10.244.0.0/24', '192.0.2.1'],
    b: ['10.244.1.0/24', '192.0.2.2'],
    c: ['10.244.2.0/24', '192.0.2.3'],
  });
  const routes = inside('ip', 'route', 'show', 'proto', '84');
  assert.match(routes, /10\.244\.1\.0\/24 via 192\.0\.2\.2/);
  assert.match(routes, /10\.244\.2\.0\/24 via 192\.0\.2\.3/);
  assert.match(readFileSync(config, 'utf8'), /"subnet": "10\.244\.0\.0\/24"/);
  const rules = inside('nft', 'list', 'table', 'ip', 'timonier_network');
  assert.match(rules, /ip saddr 10\.244\.0\.0\/24 ip daddr != 10\.244\.0\.0\/16/);
  assert.equal(inside('cat', '/proc/sys/net/ipv4/ip_forward').trim(), '1');
});

test('a node that moved or left has its route changed or removed', { skip }, () => {
  apply({ a: ['10.244.0.0/24', '192.0.2.1'], b: ['10.244.1.0/24', '192.0.2.9'] });
  const routes = inside('ip', 'route', 'show', 'proto', '84').trim();
  assert.match(routes, /^10\.244\.1\.0\/24 via 192\.0\.2\.9/);
  assert.equal(routes.split('\n').length, 1);
});

test('one node that cannot be reached does not keep the others from their routes', { skip }, () => {
  apply({
    a: ['10.244.0.0/24', '192.0.2.1'],
    b: ['10.244.1.0/24', '198.51.100.1'],
    c: ['10.244.3.0/24', '192.0.2.4'],
  });
  assert.match(inside('ip', 'route', 'show', 'proto', '84'), /10\.244\.3\.0\/24 via 192\.0\.2\.4/);
});
