/**
 * Upgrades to WebSocket and SPDY that are nearly right, and what follows them at once: frames with lengths that lie, masks
 * that are missing, and closes in the middle.
 */
import type { Random } from '../../simulation/random.ts';
import { behindPath } from './behind.ts';
import { hostileHeader } from './headers.ts';
import type { WireCase } from './wire.ts';

const pod = '/api/v1/namespaces/fuzz-1/pods/x';
/** Watches take upgrades to WebSocket, and nothing else that is there does: there is no pod. */
const targets: readonly string[] = [
  `${pod}/exec?command=a&stdin=1&tty=1`,
  `${pod}/attach?stdout=1`,
  `${pod}/portforward?ports=80`,
  `${pod}/log?follow=1`,
  `${pod}/proxy/x`,
  '/api/v1/namespaces/fuzz-1/configmaps?watch=1&timeoutSeconds=1',
  '/api/v1/namespaces/fuzz-1/configmaps?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
  '/api/v1/namespaces/fuzz-1/configmaps',
  '/api/v1/watch/namespaces/fuzz-1/configmaps?timeoutSeconds=1',
  `${behindPath}/namespaces/fuzz-1/things/x/exec`,
  '/version',
];

export function makeUpgradeCase(random: Random): WireCase {
  const path = random.pick(targets);
  const lines: string[] = [];
  const add = (chance: number, ...some: readonly string[]): void => {
    if (random.chance(chance)) lines.push(random.pick(some));
  };
  add(
    0.95,
    'Connection: Upgrade',
    'Connection: upgrade, close',
    'Connection: keep-alive, Upgrade',
    'Connection: Upgrade, Sec-WebSocket-Key',
  );
  add(
    0.95,
    'Upgrade: websocket',
    'Upgrade: websocket',
    'Upgrade: WebSocket',
    'Upgrade: SPDY/3.1',
    'Upgrade: SPDY/2, websocket, h2c',
    `Upgrade: ${hostileHeader(random).slice(0, 200)}`,
  );
  add(
    0.9,
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Key: !',
    `Sec-WebSocket-Key: ${'A'.repeat(8_000)}`,
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  );
  add(0.9, 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 12, 13');
  add(0.7, `Sec-WebSocket-Protocol: ${protocols(random)}`);
  add(0.2, `X-Stream-Protocol-Version: ${protocols(random)}`);
  add(
    0.2,
    'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99',
    'Sec-WebSocket-Extensions: x; y="z, permessage-deflate',
  );
  add(0.1, 'Content-Length: 5', 'Transfer-Encoding: chunked');
  add(0.2, 'Origin: https://other.example.com', 'Origin: null');
  const method = random.chance(0.9) ? 'GET' : random.pick(['POST', 'PUT', 'HEAD']);
  const head = `${method} ${path} HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
  const frames = Array.from({ length: random.below(8) }, () => webSocketFrame(random));
  return {
    shape: `an upgrade at ${path.slice(0, 60)}`,
    bytes: Buffer.concat([Buffer.from(head, 'latin1'), ...frames]),
    readsSlowly: random.chance(0.1),
  };
}

function protocols(random: Random): string {
  const token = Buffer.from(hostileHeader(random).slice(0, 300)).toString('base64url');
  const known = [
    'v4.channel.k8s.io',
    'v5.channel.k8s.io',
    'base64.channel.k8s.io',
    'SPDY/3.1+portforward.k8s.io',
    'base64.binary.k8s.io',
    'binary.k8s.io',
    `base64url.bearer.authorization.k8s.io.${token}`,
    'base64url.bearer.authorization.k8s.io.',
    'base64url.bearer.authorization.k8s.io.!',
    hostileHeader(random).slice(0, 100),
  ];
  const count = random.chance(0.05) ? random.below(1_000) : 1 + random.below(3);
  return Array.from({ length: count }, () => random.pick(known))
    .join(', ')
    .slice(0, 12_000);
}

/** Any opcode, with any reserved bits, and as long as it says or not. */
function webSocketFrame(random: Random): Buffer {
  const payload = Buffer.from(Array.from({ length: random.below(200) }, () => random.below(256)));
  const masked = random.chance(0.8) ? 0x80 : 0;
  const first = random.chance(0.7) ? 0x80 | random.pick([1, 2, 8, 9, 10]) : random.below(256);
  const lengths: readonly (() => Buffer)[] = [
    () => Buffer.from([masked | Math.min(payload.length, 125)]),
    () => Buffer.from([masked | 126, payload.length >> 8, payload.length & 255]),
    () => Buffer.from([masked | 126, 0, random.below(126)]),
    () => Buffer.from([masked | 127, ...Array.from({ length: 8 }, () => random.pick([0, 0x7f, 255]))]),
  ];
  return Buffer.concat([Buffer.from([first]), random.pick(lengths)(), Buffer.alloc(4), payload]);
}
