import assert from 'node:assert/strict';
import { createServer, connect } from 'node:net';
import http2 from 'node:http2';
import { test } from 'node:test';
import { BlockCache } from './block-cache.ts';
import { FrameReader } from './frame-reader.ts';
import { percentEncode } from './hpack-encoder.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { parseTimeout } from './head.ts';
import { frame } from './memory-peer.ts';
import { FrameType } from './protocol.ts';

/** The header blocks that Node's own HTTP/2 client (nghttp2) sends for these requests, in order. */
async function blocksOf(requests: readonly http2.OutgoingHttpHeaders[]): Promise<Buffer[]> {
  const blocks: Buffer[] = [];
  const all = Promise.withResolvers<void>();
  const reader = new FrameReader((bytes, at, length) => {
    if (bytes[at + 3] !== FrameType.HEADERS) return;
    const priority = ((bytes[at + 4] ?? 0) & 0x20) === 0 ? 0 : 5;
    blocks.push(Buffer.from(bytes.subarray(at + 9 + priority, at + 9 + length)));
    if (blocks.length === requests.length) all.resolve();
  });
  const server = createServer((socket) => {
    socket.write(frame(FrameType.SETTINGS, 0, 0));
    socket.on('data', (chunk: Buffer) => reader.feed(chunk, () => false));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const session = http2.connect('http://127.0.0.1', { createConnection: () => connect(port, '127.0.0.1') });
  session.on('error', () => undefined);
  try {
    for (const headers of requests) {
      const stream = session.request(headers, { endStream: true });
      stream.on('error', () => undefined);
    }
    await all.promise;
  } finally {
    session.destroy();
    server.close();
  }
  return blocks;
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test('what nghttp2 encodes is decoded, and remembered blocks mean what decoding them again would say', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  const random = seeded(seed);
  const pick = (n: number): number => Math.floor(random() * n);
  const character = (): string => String.fromCharCode(pick(4) === 0 ? 0x21 + pick(94) : 97 + pick(26));
  const values = Array.from({ length: 30 }, () => Array.from({ length: 1 + pick(60) }, character).join(''));
  const requests = Array.from({ length: 200 }, (): http2.OutgoingHttpHeaders => {
    const headers: http2.OutgoingHttpHeaders = { ':path': `/s/${pick(3)}`, ':method': 'POST' };
    for (let i = pick(5); i > 0; i--)
      headers[`x-${pick(6)}`] = values[pick(pick(2) === 0 ? 3 : values.length)];
    return headers;
  }).flatMap((headers) => Array.from({ length: 1 + pick(4) }, () => headers));
  const blocks = await blocksOf(requests);
  const decoder = new HpackDecoder(4096, 65_536);
  const cached = new HpackDecoder(4096, 65_536);
  const cache = new BlockCache<string[]>();
  let hits = 0;
  blocks.forEach((block, i) => {
    const fields = decoder.decode(block, 0, block.length);
    const record = Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, k) => [fields[2 * k], fields[2 * k + 1]]),
    );
    for (const [name, value] of Object.entries(requests[i] ?? {}))
      assert.equal(record[name], value, `${name} of request ${i}, SEED=${seed}`);
    let known = cache.get(block, 0, block.length, cached.generation);
    if (known === undefined) {
      const before = cached.generation;
      known = cached.decode(block, 0, block.length);
      cache.keep(block, 0, block.length, before, cached.generation, known);
    } else hits++;
    assert.deepEqual(known, fields, `request ${i}, SEED=${seed}`);
    assert.ok(decoder.tableBytes <= 4096);
    assert.equal(cached.tableBytes, decoder.tableBytes);
  });
  assert.ok(hits > 10, `${hits} of ${blocks.length} blocks were remembered, SEED=${seed}`);
});

test('every character of the Huffman code is decoded', async () => {
  // Latin-1, as a header value may hold it; each often enough that Huffman is shorter or nghttp2 takes it anyway.
  const value = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join('') + 'e'.repeat(200);
  const high = Array.from({ length: 95 }, (_, i) => String.fromCharCode(161 + i)).join('');
  const mixed = high
    .split('')
    .map((c) => c + 'a'.repeat(60))
    .join('');
  const [block = Buffer.alloc(0)] = await blocksOf([{ ':path': '/', a: value, b: mixed }]);
  const fields = new HpackDecoder(4096, 65_536).decode(block, 0, block.length);
  assert.equal(fields[fields.indexOf('a') + 1], value);
  assert.equal(fields[fields.indexOf('b') + 1], mixed);
});

test('a block that changes the table is never remembered, and a changed table forgets all', () => {
  const cache = new BlockCache<string>();
  const block = Buffer.from([1, 2, 3]);
  cache.keep(block, 0, 3, 1, 2, 'changed the table');
  assert.equal(cache.get(block, 0, 3, 2), undefined);
  cache.keep(block, 0, 3, 2, 2, 'kept');
  assert.equal(cache.get(block, 0, 3, 2), 'kept');
  assert.equal(cache.get(block, 0, 3, 3), undefined);
  block[0] = 9;
  assert.equal(cache.get(Buffer.from([1, 2, 3]), 0, 3, 2), 'kept', 'it is a copy');
  for (let i = 0; i < 20; i++) cache.keep(Buffer.from([i]), 0, 1, 2, 2, String(i));
  assert.equal(cache.get(Buffer.from([1, 2, 3]), 0, 3, 2), undefined, 'only the latest are kept');
  assert.equal(cache.get(Buffer.from([19]), 0, 1, 2), '19');
});

test('a status message is escaped as gRPC says and cut between characters', () => {
  assert.equal(percentEncode('etcdserver: key is not provided'), 'etcdserver: key is not provided');
  assert.equal(percentEncode('100% grün\n'), '100%25 gr%C3%BCn%0A');
  const long = percentEncode('ü'.repeat(5_000));
  assert.equal(decodeURIComponent(long).length, 1_024);
});

test('timeouts are read in every unit, and nothing else is one', () => {
  assert.deepEqual(
    ['1H', '2M', '3S', '400m', '5000u', '6000000n', '99999999S'].map(parseTimeout),
    [3_600_000, 120_000, 3_000, 400, 5, 6, 99_999_999_000],
  );
  for (const text of ['', '5', 'S', '123456789S', '-1S', '1s', ' 1S'])
    assert.equal(parseTimeout(text), undefined);
});
