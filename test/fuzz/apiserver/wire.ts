/**
 * Bytes on a connection that no HTTP library would send: two lengths, broken chunks, folded headers, half requests,
 * uploads that end early. The server may answer 4xx or close; it must not read a second
 * request out of the body of a first.
 */
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import type { Random } from '../../simulation/random.ts';
import { makeHttp2Case } from './http2.ts';
import { makeRelayedCase } from './relayed.ts';
import type { Subject } from './subject.ts';
import { makeUpgradeCase } from './upgrades.ts';

export interface WireCase {
  readonly shape: string;
  readonly bytes: Buffer;
  /** Ends the connection after that many bytes, without reading what comes. */
  readonly cut?: number;
  /** HTTP/1.1 unless said. */
  readonly protocol?: 'h2';
  /** Lets only so many bytes of the answer in, then nothing for a while. */
  readonly readsSlowly?: boolean;
}

const smuggled = `DELETE /api/v1/namespaces/kept/configmaps/kept HTTP/1.1\r\nHost: a\r\n\r\n`;
const target = '/api/v1/namespaces/fuzz-1/configmaps';

const heads: readonly (readonly [shape: string, lines: readonly string[], body: string])[] = [
  ['length and chunked', ['Content-Length: 5', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
  ['two lengths', ['Content-Length: 2', 'Content-Length: 3'], `{}${smuggled}`],
  ['a list of lengths', ['Content-Length: 2, 2'], `{}${smuggled}`],
  ['a negative length', ['Content-Length: -1'], smuggled],
  ['a length with a plus', ['Content-Length: +2'], `{}${smuggled}`],
  ['a length in hex', ['Content-Length: 0x2'], `{}${smuggled}`],
  ['a length beyond all', ['Content-Length: 99999999999999999999'], '{}'],
  ['an unknown coding', ['Transfer-Encoding: xchunked'], `0\r\n\r\n${smuggled}`],
  ['chunked that is not last', ['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${smuggled}`],
  ['chunked twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `0\r\n\r\n${smuggled}`],
  ['chunked behind another coding', ['Transfer-Encoding: gzip, chunked'], `2\r\n{}\r\n0\r\n\r\n${smuggled}`],
  [
    'a length and a body in a trailer',
    ['Transfer-Encoding: chunked'],
    `2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n`,
  ],
  ['an empty length', ['Content-Length: '], smuggled],
  ['a host that is none', ['Host: a b/c@d', 'Content-Length: 2'], `{}${smuggled}`],
  ['a connection of many options', [`Connection: ${'a,'.repeat(400_000)}`], ''],
  ['an offer of many types', [`Accept: ${'a/b;c=d,'.repeat(100_000)}`, 'Content-Length: 2'], '{}'],
  ['a space before the colon', ['Transfer-Encoding : chunked', 'Content-Length: 2'], `{}${smuggled}`],
  ['a vertical tab in the coding', ['Transfer-Encoding: \vchunked', 'Content-Length: 2'], `{}${smuggled}`],
  ['a folded header', ['Content-Length: 2', 'X: a', ' Transfer-Encoding: chunked'], `{}${smuggled}`],
  ['a bare line feed', ['X: a\nTransfer-Encoding: chunked', 'Content-Length: 2'], `{}${smuggled}`],
  ['a bare carriage return', ['X: a\rTransfer-Encoding: chunked', 'Content-Length: 2'], `{}${smuggled}`],
  ['a null in a header', ['X: a\0b', 'Content-Length: 2'], `{}${smuggled}`],
  ['a chunk size beyond all', ['Transfer-Encoding: chunked'], `ffffffffffffffffff\r\n{}\r\n0\r\n\r\n`],
  ['a negative chunk', ['Transfer-Encoding: chunked'], `-2\r\n{}\r\n0\r\n\r\n${smuggled}`],
  ['a chunk without its end', ['Transfer-Encoding: chunked'], `2\r\n{}0\r\n\r\n${smuggled}`],
  ['a chunk extension', ['Transfer-Encoding: chunked'], `2;${'a'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`],
  ['chunks ended by line feeds', ['Transfer-Encoding: chunked'], `2\n{}\n0\n\n${smuggled}`],
  ['endless trailers', ['Transfer-Encoding: chunked'], `2\r\n{}\r\n0\r\n${'X: y\r\n'.repeat(5_000)}\r\n`],
  ['many headers', Array.from({ length: 3_000 }, (_, i) => `X-${i}: y`), ''],
  ['a header of a megabyte', [`X: ${'y'.repeat(1 << 20)}`], ''],
  ['expecting what never comes', ['Expect: 200-maybe', 'Content-Length: 2'], '{}'],
  [
    'an upgrade to HTTP/2',
    ['Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAAA'],
    '',
  ],
  ['an upgrade to nothing', ['Upgrade: nothing', 'Connection: Upgrade'], ''],
  [
    'a request behind an upgrade to nothing',
    ['Upgrade: nothing', 'Connection: Upgrade', 'Content-Length: 2'],
    `{}GET /api HTTP/1.1\r\nHost: a\r\n\r\n`,
  ],
  [
    'an upgrade with a body',
    ['Upgrade: SPDY/3.1', 'Connection: Upgrade', 'Content-Length: 2'],
    `{}${smuggled}`,
  ],
];

const firstLines: readonly string[] = [
  `POST ${target} HTTP/1.1`,
  `POST https://other/api/v1/namespaces/fuzz-1/configmaps HTTP/1.1`,
  'GET http:// HTTP/1.1',
  'GET //// HTTP/1.1',
  'GET //host:99999/x HTTP/1.1',
  'CONNECT other:443 HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'GET /api HTTP/9.9',
  'GET /api HTTP/1.0',
  'GET /api',
  'GET  /api  HTTP/1.1',
  'GET /api\t HTTP/1.1',
  'GET /\0 HTTP/1.1',
  'GET /é HTTP/1.1',
  'GET /api?x=\xff HTTP/1.1',
  `GET /${'a'.repeat(70_000)} HTTP/1.1`,
  `GET /api?${'a&'.repeat(500_000)} HTTP/1.1`,
  `GET ${'/a'.repeat(500_000)} HTTP/1.1`,
  `GET ${target}?watch=1&labelSelector=${'a,'.repeat(200_000)} HTTP/1.1`,
  `${'G'.repeat(70_000)} / HTTP/1.1`,
  'PRI * HTTP/2.0',
];

export function makeWireCase(random: Random): WireCase {
  const kind = random.below(16);
  if (kind > 13) return makeUpgradeCase(random);
  if (kind > 11) return makeRelayedCase(random);
  if (kind === 0)
    return {
      shape: 'noise',
      bytes: Buffer.from(Array.from({ length: random.below(2_000) }, () => random.below(256))),
    };
  if (kind < 3) return { ...makeHttp2Case(random), protocol: 'h2', readsSlowly: random.chance(0.2) };
  if (kind === 3) {
    const first = random.pick(firstLines);
    return { shape: first.slice(0, 60), bytes: Buffer.from(`${first}\r\nHost: a\r\n\r\n`, 'latin1') };
  }
  if (kind === 4)
    return {
      shape: 'a watch that is read slowly',
      bytes: Buffer.from(
        `GET ${target}?watch=1&timeoutSeconds=1 HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(1 + random.below(4)),
      ),
      readsSlowly: true,
    };
  const [shape, lines, body] = random.pick(heads);
  const path = random.chance(0.3) ? `${target}/x/exec?command=a` : target;
  const text = `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
  const bytes = Buffer.from(text, 'latin1');
  return random.chance(0.2)
    ? { shape: `${shape}, cut`, bytes, cut: random.below(bytes.length) }
    : { shape, bytes };
}

const patienceMs = 1_500;

/** Sends the bytes and returns the status lines that came back, until the other side closes or says nothing more. */
export async function sendWireCase(subject: Subject, wire: WireCase): Promise<readonly string[]> {
  const socket = subject.connect('admin', wire.protocol);
  try {
    await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]);
    if (socket.destroyed) return [];
    if (wire.cut !== undefined) {
      await written(socket, wire.bytes.subarray(0, wire.cut));
      return [];
    }
    await written(socket, wire.bytes);
    if (wire.readsSlowly === true) {
      socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return await statusLines(socket);
  } finally {
    socket.destroy();
  }
}

function written(socket: TLSSocket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    socket.write(bytes, () => resolve());
  });
}

function statusLines(socket: TLSSocket): Promise<readonly string[]> {
  return new Promise((resolve) => {
    let text = '';
    const done = (): void => {
      clearTimeout(timer);
      resolve([...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code]) => code ?? ''));
    };
    let timer = setTimeout(done, patienceMs);
    socket.on('data', (chunk: Buffer) => {
      if (text.length < 1 << 20) text += chunk.toString('latin1');
      clearTimeout(timer);
      timer = setTimeout(done, patienceMs / 3);
    });
    socket.once('close', done);
  });
}
