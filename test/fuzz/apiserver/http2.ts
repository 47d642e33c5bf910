/**
 * HTTP/2 that no library would send: streams that are reset as soon as they are opened, header blocks without an end,
 * floods of frames that cost the other side more, windows that let nothing through, heads that lie.
 */
import type { Random } from '../../simulation/random.ts';

export interface FrameCase {
  readonly shape: string;
  readonly bytes: Buffer;
}

export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  window: 8,
  continuation: 9,
};
export const endStream = 1;
export const endHeaders = 4;
const padded = 8;
const target = '/api/v1/namespaces/fuzz-1/configmaps';
const get = (path: string): Buffer =>
  head([
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', 'a'],
    [':path', path],
  ]);
const post = head([
  [':method', 'POST'],
  [':scheme', 'https'],
  [':authority', 'a'],
  [':path', target],
  ['content-type', 'application/json'],
]);
const cancel = Buffer.from([0, 0, 0, 8]);

/** Each makes the frames that follow the preface and the settings. */
const attacks: Readonly<Record<string, (random: Random) => Buffer[]>> = {
  'streams opened and reset at once': (random) =>
    streams(200 + random.below(3_000), (id) => [
      frame(
        types.headers,
        endHeaders | (random.chance(0.5) ? endStream : 0),
        id,
        get(`${target}?watch=1&timeoutSeconds=1`),
      ),
      frame(types.reset, 0, id, cancel),
    ]),
  'a header block without an end': (random) => [
    frame(types.headers, 0, 1, post),
    ...repeat(random.below(300), () => frame(types.continuation, 0, 1, head([['x', 'y'.repeat(16_000)]]))),
  ],
  'continuations of nothing': (random) => [
    frame(types.headers, 0, 1, post),
    ...repeat(random.below(20_000), () => frame(types.continuation, 0, 1)),
  ],
  'another frame within a header block': (random) => [
    frame(types.headers, 0, 1, post),
    frame(random.below(10), random.below(256), 1, Buffer.alloc(8)),
    frame(types.continuation, endHeaders, 1),
  ],
  'settings without end': (random) => repeat(random.below(8_000), () => frame(types.settings, 0, 0)),
  'pings without end': (random) =>
    repeat(random.below(20_000), () => frame(types.ping, 0, 0, Buffer.alloc(8))),
  'data of no length': (random) => [
    frame(types.headers, endHeaders, 1, post),
    ...repeat(random.below(20_000), () => frame(types.data, 0, 1)),
  ],
  'priorities that lead to themselves': (random) =>
    streams(random.below(5_000), (id) => [
      frame(types.priority, 0, id, Buffer.concat([numbers(id), Buffer.from([1])])),
    ]),
  'windows taken away while answers wait for them': (random) => [
    frame(types.settings, 0, 0, setting(4, 1 + random.below(70_000))),
    ...streams(2 + random.below(20), (id) => [
      frame(types.headers, endHeaders | endStream, id, get(random.pick(['/openapi/v2', target]))),
    ]),
    ...repeat(random.below(60), () =>
      random.chance(0.5)
        ? frame(types.settings, 0, 0, setting(4, random.pick([0, 1, 20_000, 65_535])))
        : frame(types.window, 0, random.pick([0, 1, 3]), numbers(1 + random.below(100_000))),
    ),
  ],
  'windows that overflow, or grow by nothing': (random) => [
    frame(types.headers, endHeaders, 1, post),
    frame(types.window, 0, random.below(2), numbers(random.pick([0, 2 ** 31 - 1]))),
    frame(types.window, 0, random.below(2), numbers(2 ** 31 - 1)),
  ],
  'settings beyond all': (random) => [
    frame(types.settings, 0, 0, setting(1 + random.below(8), random.pick([0, 1, 2 ** 31, 2 ** 32 - 1]))),
    frame(types.headers, endHeaders | endStream, 1, get('/version')),
  ],
  'answers that are let out byte by byte': (random) => [
    frame(types.settings, 0, 0, setting(4, 0)),
    ...streams(1 + random.below(60), (id) => [
      frame(
        types.headers,
        endHeaders | endStream,
        id,
        get(random.pick(['/openapi/v2', '/openapi/v3', target])),
      ),
      frame(types.window, 0, id, numbers(1)),
    ]),
  ],
  'a table of headers that is larger than it was written': (random) => [
    frame(types.headers, 0, 1, Buffer.concat([get('/version'), indexed('z', 'y'.repeat(3_900))])),
    ...repeat(random.below(40), () => frame(types.continuation, 0, 1, Buffer.alloc(16_000, 0xbe))),
    frame(types.continuation, endHeaders | endStream, 1),
  ],
  'padding longer than the frame': () => [
    frame(types.headers, endHeaders | padded, 1, Buffer.concat([Buffer.from([255]), post])),
    frame(types.data, padded, 1, Buffer.from([200, 1])),
  ],
  'streams that are never ended': (random) =>
    streams(random.below(2_500), (id) => [
      frame(types.headers, endHeaders, id, post),
      frame(types.data, 0, id, Buffer.from('{')),
    ]),
  'frames on streams that are not there': (random) =>
    repeat(random.below(300), () =>
      frame(
        random.below(10),
        random.below(256),
        random.pick([2, 4, 99, 2 ** 31 - 1]),
        Buffer.alloc(random.below(20)),
      ),
    ),
  'a head that is none': (random) =>
    streams(1 + random.below(20), (id) => [
      frame(types.headers, endHeaders | endStream, id, head(random.pick(heads))),
    ]),
  'a body that is not as long as it says': (random) => [
    frame(
      types.headers,
      endHeaders,
      1,
      Buffer.concat([
        post,
        head([['content-length', random.pick(['1', '99', '-1', '1e3', '18446744073709551616'])]]),
      ]),
    ),
    frame(types.data, endStream, 1, Buffer.from('{}')),
  ],
  'trailers with pseudo headers': () => [
    frame(types.headers, endHeaders, 1, post),
    frame(types.data, 0, 1, Buffer.from('{}')),
    frame(types.headers, endHeaders | endStream, 1, get('/')),
  ],
  'promises of a client, and a farewell with requests behind it': () => [
    frame(types.push, endHeaders, 1, Buffer.concat([numbers(2), post])),
    frame(types.goAway, 0, 0, Buffer.alloc(8)),
    frame(types.headers, endHeaders | endStream, 1, get('/version')),
  ],
  'frames of unknown types, and larger than agreed': (random) => [
    ...repeat(random.below(2_000), () => frame(200, 255, random.below(5), Buffer.alloc(random.below(50)))),
    frame(types.headers, endHeaders, 1, post),
    frame(types.data, 0, 1, Buffer.alloc(16_385 + random.below(70_000))),
  ],
  noise: (random) =>
    repeat(1 + random.below(200), () => {
      const length = random.pick([0, 4, 5, 6, 8, random.below(300)]);
      const payload = Buffer.from(Array.from({ length }, () => random.below(256)));
      return frame(
        random.below(12),
        random.below(256),
        random.pick([0, 1, 3, 2 ** 31 - 1, random.below(50)]),
        payload,
      );
    }),
};

const pseudo = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'a'],
  [':path', '/version'],
] as const;
const heads: readonly (readonly (readonly [string, string])[])[] = [
  [],
  [...pseudo, ...pseudo],
  pseudo.slice(1),
  [...pseudo, ['Upper', 'x']],
  [...pseudo, ['connection', 'close']],
  [...pseudo, ['transfer-encoding', 'chunked']],
  [...pseudo, ['te', 'gzip']],
  [...pseudo, ['a b', 'x'], ['', 'x'], ['x', '\0\r\n']],
  [...pseudo, [':path', '/api']],
  [['x', 'y'], ...pseudo],
  [
    [':method', 'CONNECT'],
    [':authority', 'other:443'],
  ],
  [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':scheme', 'https'],
    [':authority', 'a'],
    [':path', `${target}/x/exec`],
  ],
  [
    [':method', 'GET'],
    [':scheme', 'ftp'],
    [':authority', ''],
    [':path', ''],
  ],
  [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', '@:/#'],
    [':path', '*'],
  ],
  [
    [':method', 'G\0T'],
    [':scheme', 'https'],
    [':authority', 'a'],
    [':path', '//a@b:99999/%'],
  ],
  [...pseudo, ['host', 'other'], ['host', 'third'], ['cookie', 'a'], ['cookie', 'b']],
];

export function makeHttp2Case(random: Random): FrameCase {
  const shape = random.pick(Object.keys(attacks));
  const frames = attacks[shape]?.(random) ?? [];
  return { shape: `HTTP/2: ${shape}`, bytes: Buffer.concat([opening, ...frames]) };
}

/** What a connection begins with: the preface and settings that say nothing. */
export const opening = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(types.settings, 0, 0),
]);

function streams(count: number, frames: (id: number) => Buffer[]): Buffer[] {
  return Array.from({ length: count }, (_, i) => Buffer.concat(frames(2 * i + 1)));
}

function repeat(count: number, make: () => Buffer): Buffer[] {
  return Array.from({ length: count }, make);
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const start = Buffer.alloc(9);
  start.writeUIntBE(payload.length, 0, 3);
  start[3] = type;
  start[4] = flags;
  start.writeUInt32BE(stream, 5);
  return Buffer.concat([start, payload]);
}

function numbers(...values: readonly number[]): Buffer {
  const out = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) out.writeUInt32BE(value, 4 * i);
  return out;
}

function setting(name: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([0, name]), numbers(value)]);
}

/** A block of literals that leave no trace in the table. Source: RFC 7541, 6.2.2. */
export function head(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    fields.map(([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)])),
  );
}

/** A literal that stays in the table, as its newest entry. */
function indexed(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), text(name), text(value)]);
}

/** A string of HPACK without Huffman's code; its length has a prefix of seven bits. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const length: number[] = bytes.length < 127 ? [bytes.length] : [127];
  for (let rest = bytes.length - 127; length[0] === 127; rest = Math.floor(rest / 128)) {
    length.push(rest < 128 ? rest : (rest % 128) | 128);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}
