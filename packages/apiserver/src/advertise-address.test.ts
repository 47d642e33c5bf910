import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { advertiseAddress, isOwnOnly } from './advertise-address.ts';

function ipv4(address: string, internal = false): NetworkInterfaceInfo {
  return { address, netmask: '255.0.0.0', family: 'IPv4', mac: '00:00:00:00:00:00', internal, cidr: null };
}

test('the address under which others reach a server is one that means something to them', () => {
  const host = { lo: [ipv4('127.0.0.1', true)], link: [ipv4('169.254.3.4')], eth0: [ipv4('192.0.2.7')] };
  assert.equal(advertiseAddress('198.51.100.1', '0.0.0.0', host), '198.51.100.1');
  assert.equal(advertiseAddress('', '198.51.100.2', host), '198.51.100.2');
  assert.equal(advertiseAddress('', '0.0.0.0', host), '192.0.2.7');
  assert.equal(advertiseAddress('', '127.0.0.1', host), '192.0.2.7');
  assert.equal(advertiseAddress('', '0.0.0.0', { lo: [ipv4('127.0.0.1', true)] }), '127.0.0.1');
  assert.deepEqual(['127.0.0.9', '::1', '0.0.0.0', '10.0.0.1'].map(isOwnOnly), [true, true, true, false]);
});
