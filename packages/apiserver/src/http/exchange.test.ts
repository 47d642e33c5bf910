import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import { exchangeWith } from '../testing/taking-client.ts';
import type { Exchange } from './exchange.ts';

const body = Buffer.from(Array.from({ length: 900_000 }, (_, i) => (i * 7) % 251));

/** As long as it takes to compress forty pieces. */
async function othersCompressed(): Promise<void> {
  for (let i = 0; i < 40; i++) await promisify(gzip)(body.subarray(0, 240_000), { level: 1 });
}

async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

test('a long answer is handed over piece by piece, each when the client has taken those before', async () => {
  const { exchange, client } = exchangeWith();
  let isDone = false;
  const sent = exchange.send(200, 'text/plain', body).then(() => (isDone = true));
  for (let pieces = 1; pieces <= 4; pieces++) {
    await turns();
    assert.equal(client.pieces.length, pieces);
    assert.equal(isDone, false, 'the request holds its place');
    client.take();
  }
  await sent;
  assert.ok(client.writableEnded);
  assert.ok(Buffer.concat(client.pieces).equals(body));
  assert.equal(client.headers['content-length'], String(body.length));
});

test('what is made while it is sent is made no faster than the client takes it', async () => {
  const { exchange, client } = exchangeWith();
  let made = 0;
  const pieces = function* (): Generator<Buffer> {
    for (; made < 5; made++) yield body;
  };
  const sent = exchange.sendPieces(200, 'text/plain', pieces());
  await turns();
  assert.equal(client.pieces.length, 1);
  assert.equal(made, 0);
  client.isFast = true;
  client.take();
  await sent;
  assert.equal(client.pieces.length, 5);
  assert.ok(client.writableEnded);
});

test('what is made while it is sent but short is sent whole, with its length', async () => {
  const { exchange, client } = exchangeWith();
  await exchange.sendPieces(200, 'text/plain', [
    Buffer.alloc(0),
    body.subarray(0, 1_000),
    body.subarray(1_000, 2_000),
  ]);
  assert.ok(Buffer.concat(client.pieces).equals(body.subarray(0, 2_000)));
  assert.equal(client.headers['content-length'], '2000');
});

test('what is made while it is sent has its length before it, where that is known', async () => {
  const { exchange, client } = exchangeWith();
  client.isFast = true;
  await exchange.sendPieces(200, 'text/plain', [body, body], 2 * body.length);
  assert.equal(client.headers['content-length'], String(2 * body.length));
});

test('others have their turn while an answer is made of which there is nothing to send yet', async () => {
  const { exchange, client } = exchangeWith();
  client.isFast = true;
  let passed = 0;
  const count = (): void => {
    passed++;
    timer = setImmediate(count);
  };
  let timer = setImmediate(count);
  const slow = function* (): Generator<Buffer> {
    for (let i = 0; i < 5; i++) {
      const until = performance.now() + 10;
      while (performance.now() < until);
      yield Buffer.alloc(0);
    }
  };
  await exchange.sendPieces(200, 'text/plain', slow());
  clearImmediate(timer);
  assert.ok(passed >= 5, `${passed} turns`);
});

for (const encoding of ['identity', 'gzip'])
  test(`what can no longer be made breaks off: ${encoding}`, async () => {
    const { exchange, client } = exchangeWith({ 'accept-encoding': encoding });
    client.isFast = true;
    let isClosed = false;
    const broken = function* (): Generator<Buffer> {
      try {
        yield body;
        yield body;
        throw new Error('it is not there any more');
      } finally {
        isClosed = true;
      }
    };
    await assert.rejects(exchange.sendPieces(200, 'text/plain', broken()), /not there any more/);
    assert.equal(client.writableEnded, false);
    assert.ok(isClosed);
  });

for (const encoding of ['identity', 'gzip'])
  test(`nothing more is made for a client that has gone: ${encoding}`, { timeout: 60_000 }, async () => {
    const { exchange, client } = exchangeWith({ 'accept-encoding': encoding });
    let made = 0;
    let isClosed = false;
    const pieces = function* (): Generator<Buffer> {
      try {
        for (;;) {
          made++;
          yield body;
        }
      } finally {
        isClosed = true;
      }
    };
    const sent = exchange.sendPieces(200, 'text/plain', pieces());
    await client.hasFirst;
    await othersCompressed();
    const before = made;
    client.destroy();
    client.take();
    await sent;
    assert.equal(made, before);
    assert.ok(isClosed);
    assert.equal(client.pieces.length, 1);
    assert.equal(client.writableEnded, false);
  });

for (const encoding of ['identity', 'gzip'])
  test(`nothing more is made for a client that goes while a piece is made: ${encoding}`, async () => {
    const { exchange, client } = exchangeWith({ 'accept-encoding': encoding });
    client.isFast = true;
    let made = 0;
    let isClosed = false;
    const pieces = function* (): Generator<Buffer> {
      try {
        for (; made < 10;) {
          made++;
          if (made === 3) client.destroy();
          yield made === 3 ? Buffer.alloc(0) : body;
        }
      } finally {
        isClosed = true;
      }
    };
    await exchange.sendPieces(200, 'text/plain', pieces());
    assert.equal(made, 3);
    assert.ok(isClosed);
    assert.equal(client.writableEnded, false);
  });

test('nothing is ended for a client that goes with the last piece', async () => {
  const { exchange, client } = exchangeWith();
  const sent = exchange.sendPieces(200, 'text/plain', [body]);
  await client.hasFirst;
  client.destroy();
  client.take();
  await sent;
  assert.equal(client.writableEnded, false);
});

test('nothing is sent whole to a client that goes while it is made', async () => {
  const { exchange, client } = exchangeWith();
  const pieces = function* (): Generator<Buffer> {
    yield Buffer.from('a');
    client.destroy();
    yield Buffer.alloc(0);
    assert.fail('made for nobody');
  };
  await exchange.sendPieces(200, 'text/plain', pieces());
  assert.equal(client.headersSent, false);
});

test('what is made while it is sent is compressed for clients that can read that', async () => {
  const { exchange, client } = exchangeWith({ 'accept-encoding': 'gzip' });
  client.isFast = true;
  await exchange.sendPieces(200, 'text/plain', [body, body]);
  assert.equal(client.headers['content-encoding'], 'gzip');
  assert.ok(gunzipSync(Buffer.concat(client.pieces)).equals(Buffer.concat([body, body])));
});

test(
  'what compresses well is not made far ahead of a client that does not take it',
  { timeout: 60_000 },
  async () => {
    const { exchange, client } = exchangeWith({ 'accept-encoding': 'gzip' });
    // Forty to one.
    const unlike = Buffer.from(Array.from({ length: 6_000 }, (_, i) => (i * i * 7 + (i >> 3)) % 251));
    const piece = Buffer.concat(Array.from({ length: 40 }, () => unlike));
    let made = 0;
    let isDone = false;
    const pieces = function* (): Generator<Buffer> {
      for (; made < 40; made++) yield piece;
    };
    const sent = exchange.sendPieces(200, 'text/plain', pieces()).then(() => (isDone = true));
    await client.hasFirst;
    await othersCompressed();
    assert.equal(isDone, false);
    // Two were to show that the answer is a long one; the first is what the client has the beginning of.
    assert.equal(made, 1);
    client.isFast = true;
    client.take();
    await sent;
    assert.equal(made, 40);
    const whole = gunzipSync(Buffer.concat(client.pieces));
    assert.ok(whole.equals(Buffer.concat(Array.from({ length: 40 }, () => piece))));
  },
);

for (const [what, begin] of [
  ['all there', (exchange: Exchange) => exchange.send(200, 'text/plain', body)],
  ['made while it is sent', (exchange: Exchange) => exchange.sendPieces(200, 'text/plain', [body, body])],
] as const)
  test(`an answer, ${what}, that its client does not take is given up`, async (t: TestContext) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { exchange, client } = exchangeWith();
    const sent = begin(exchange);
    await turns();
    t.mock.timers.tick(50_000);
    await turns();
    assert.equal(client.isDestroyed, false);
    t.mock.timers.tick(50_000);
    await sent;
    assert.equal(client.isDestroyed, true);
    assert.equal(client.writableEnded, false, 'it does not look whole');
    assert.equal(client.pieces.length, 1);
  });

test('a warning is cut between signs, and ends with its quote', async () => {
  const { exchange, client } = exchangeWith();
  exchange.warn('"'.repeat(2_000));
  exchange.warn(`a${'\\'.repeat(2_000)}`);
  await exchange.send(200, 'text/plain', '');
  const [first, second] = String(client.headers['warning']).split(', ');
  assert.equal(first, `299 - "${'\\"'.repeat(1_000)}"`);
  assert.equal(second, `299 - "a${'\\\\'.repeat(999)}"`);
});

test('a client that takes nothing of an answer that goes on is not waited for without end', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { exchange, client } = exchangeWith();
  exchange.startStream(200, 'text/plain');
  client.write('first');
  const slow = exchange.drained();
  t.mock.timers.tick(299_000);
  client.take();
  await slow;
  assert.equal(client.isDestroyed, false);
  client.write('second');
  const never = exchange.drained();
  t.mock.timers.tick(300_001);
  await never;
  assert.equal(client.isDestroyed, true);
  assert.equal(exchange.isOver, true);
});

test('an answer is packed for whoever takes gzip, and for nobody who says that he does not', async () => {
  for (const [accepted, expected] of [
    ['gzip', 'gzip'],
    ['deflate , GZIP;q=0.5', 'gzip'],
    ['gzip; q=1.0, *;q=0', 'gzip'],
    ['gzip;q=0', undefined],
    ['gzip; q=0.000 , deflate', undefined],
    ['gzipped', undefined],
    ['identity', undefined],
  ] as const) {
    const { exchange } = exchangeWith({ 'accept-encoding': accepted });
    assert.equal(exchange.acceptsGzip() ? 'gzip' : undefined, expected, accepted);
  }
});
