import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  encodeProxyHeader,
  fixedHeaderLength,
  parseProxyHeader,
  type ProxiedConnection,
  proxyRestLength,
} from './proxy-protocol.ts';

function roundTrip(connection: ProxiedConnection | undefined): ProxiedConnection | undefined {
  const header = encodeProxyHeader(connection);
  const fixed = header.subarray(0, fixedHeaderLength);
  const rest = header.subarray(fixedHeaderLength);
  assert.equal(proxyRestLength(fixed), rest.length);
  return parseProxyHeader(fixed, rest);
}

test('a PROXY header carries IPv4 and IPv6 addresses, and LOCAL carries none', () => {
  const v4 = {
    sourceAddress: '10.0.0.7',
    sourcePort: 40000,
    destinationAddress: '10.0.0.1',
    destinationPort: 6443,
  };
  assert.deepEqual(roundTrip(v4), v4);
  assert.deepEqual(roundTrip({ ...v4, sourceAddress: '::ffff:10.0.0.7' }), v4);
  const v6 = { sourceAddress: 'fd00::7', sourcePort: 1, destinationAddress: '::1', destinationPort: 2 };
  assert.deepEqual(roundTrip(v6), {
    ...v6,
    sourceAddress: 'fd00:0:0:0:0:0:0:7',
    destinationAddress: '0:0:0:0:0:0:0:1',
  });
  assert.equal(roundTrip(undefined), undefined);
});

test('what is not a version 2 header, or is too long, is refused', () => {
  assert.throws(() => proxyRestLength(Buffer.from('GET / HTTP/1.1\r\n\r\n')), /does not begin with a PROXY/);
  const header = encodeProxyHeader(undefined);
  header.writeUInt16BE(9999, 14);
  assert.throws(() => proxyRestLength(header), /9999 bytes is too long/);
});
