/**
 * Requests that are passed on to a server behind, with bodies that are requests themselves. Wherever one side sees an end
 * of a body that the other does not, such a body becomes a request of its own.
 */
import type { Random } from '../../simulation/random.ts';
import { behindPath, stowaway } from './behind.ts';
import { endHeaders, endStream, frame, head, opening, types } from './http2.ts';
import type { WireCase } from './wire.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'SEARCH'];
const inside = `GET ${behindPath}/inside HTTP/1.1\r\nHost: a\r\nX-Remote-User: ${stowaway}\r\nX-Remote-Group: system:masters\r\n\r\n`;

/** Bodies, with the lines of a head that announce them in HTTP/1.1. */
const framed: readonly (readonly [shape: string, lines: readonly string[], body: string])[] = [
  ['in one chunk', ['Transfer-Encoding: chunked'], chunks(inside)],
  ['in two chunks', ['Transfer-Encoding: chunked'], chunks(inside.slice(0, 9), inside.slice(9))],
  ['with a length', [`Content-Length: ${inside.length}`], inside],
  ['with a length and chunks', [`Content-Length: 4`, 'Transfer-Encoding: chunked'], chunks(inside)],
  ['behind a chunk of nothing', ['Transfer-Encoding: chunked'], `0\r\n\r\n${inside}`],
  ['in trailers', ['Transfer-Encoding: chunked'], `1\r\n{\r\n0\r\n${inside}`],
  ['behind an upgrade', ['Connection: Upgrade', 'Upgrade: x'], inside],
  [
    'behind an upgrade with a length',
    ['Connection: Upgrade', 'Upgrade: x', 'Content-Length: 2'],
    `{}${inside}`,
  ],
  ['asked for', [`Content-Length: ${inside.length}`, 'Expect: 100-continue'], inside],
  ['in a header that is named', ['Connection: close, X-Remote-User', `X-Remote-User: ${stowaway}`], ''],
];

function chunks(...parts: readonly string[]): string {
  return `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`;
}

export function makeRelayedCase(random: Random): WireCase {
  const method = random.pick(methods);
  const path = `${behindPath}/namespaces/fuzz-1/things${random.pick(['', '/a', '/a/b?c=d', '/%2e', '/..'])}`;
  if (random.chance(0.5)) {
    const [shape, lines, body] = random.pick(framed);
    const text = `${method} ${path} HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
    return { shape: `passed on, a request ${shape}`, bytes: Buffer.from(text, 'latin1') };
  }
  const length = random.pick(['', '0', '1', '4', String(inside.length), String(2 * inside.length)]);
  const body = Buffer.from(inside);
  const cut = random.below(body.length);
  const last = random.chance(0.7) ? endStream : 0;
  return {
    shape: `HTTP/2: passed on, a request where ${length || 'no'} bytes are announced`,
    protocol: 'h2',
    bytes: Buffer.concat([
      opening,
      frame(
        types.headers,
        endHeaders,
        1,
        head([
          [':method', random.chance(0.1) ? `${method} ${path} HTTP/1.1` : method],
          [':scheme', 'https'],
          [':authority', 'a'],
          [':path', random.chance(0.1) ? `${path} HTTP/1.1 ` : path],
          ...(length === '' ? [] : [['content-length', length] as const]),
        ]),
      ),
      frame(types.data, 0, 1, body.subarray(0, cut)),
      frame(types.data, last, 1, body.subarray(cut)),
    ]),
  };
}
