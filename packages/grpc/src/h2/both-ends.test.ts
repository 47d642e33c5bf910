/**
 * Both ends of the engine on one simulated network: kernels that take little at a time, readers that pause, windows of odd
 * sizes, peers that read nothing while they write. Whatever the schedule, every call ends as it should, and when nothing is
 * on its way any more, nobody waits. The schedule is all there is to chance, so that a run can be repeated: `SEED=7`.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ClientConnection } from './client-connection.ts';
import { StreamClientCall, UnaryClientCall } from './grpc-call.ts';
import { RequestHeads } from './request-head.ts';
import { join, unseen } from '../testing/joined.ts';
import { pick, type Random, randomOf } from '../testing/simulated-socket.ts';
import { WebClientCall } from './web-call.ts';
import { webRequestHead } from './web-head.ts';

const sizes = [0, 1, 5, 100, 16_383, 16_384, 16_385, 65_535, 65_536, 400_000] as const;

/** Reads to the end, in its own time. */
async function readAll(random: Random, next: () => Promise<IteratorResult<Buffer>>): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for (;;) {
    for (let i = random(3); i > 0; i--) await turn();
    const { done, value } = await next();
    if (done === true) return chunks;
    chunks.push(value);
  }
}

const heads = new RequestHeads('a', true);

/** Starts a call of some kind, again when the server did not look at it; resolves when it has ended as it should. */
async function someCall(random: Random, client: ClientConnection, longHeads: boolean): Promise<void> {
  for (;;) {
    try {
      return await attempt(random, client, longHeads);
    } catch (error) {
      if (!String(error).includes(unseen)) throw error;
      for (let i = random(8); i >= 0; i--) await turn();
    }
  }
}

async function attempt(random: Random, client: ClientConnection, longHeads: boolean): Promise<void> {
  const size = pick(random, sizes);
  const body = Buffer.alloc(size, random(256));
  const kind = pick(random, ['web', 'web', 'web', 'unary', 'chat', 'broken off']);
  if (kind === 'unary') {
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const head = heads.block('/t.T/Echo', undefined, undefined);
      const call = new UnaryClientCall({ head, message: body, maxReceiveBytes: 1e6 }, (error, message) =>
        error === undefined && message !== undefined ? resolve(message) : reject(error),
      );
      client.start(call);
    });
    assert.ok(answer.equals(body), `echo of ${size} bytes`);
    return;
  }
  if (kind === 'chat') {
    const head = heads.block('/t.T/Chat', undefined, undefined);
    const call = new StreamClientCall({ head, message: undefined, maxReceiveBytes: 1e6 }, () => undefined);
    client.start(call);
    const messages = random(6);
    for (let i = 0; i < messages; i++) call.write(body);
    call.halfClose();
    const back = await readAll(random, () => call.next());
    assert.deepEqual([back.length, Buffer.concat(back).length], [messages, messages * size]);
    return;
  }
  const does = pick(random, ['echo', 'read', 'ignore', 'send']);
  const answers = pick(random, sizes);
  const piece = pick(random, [1_000, 8_192, 16_384, 50_000]);
  const padding = longHeads ? 20_000 : pick(random, [1, 1, 300, 20_000]);
  const path = `/?do=${does}&size=${answers}&piece=${piece}&head=${padding}`;
  const hasBody = does !== 'send' && random(4) > 0;
  let told = (_status: string | Error): void => undefined;
  const answer = new Promise<string | Error>((resolve) => (told = resolve));
  const call = new WebClientCall(
    { head: webRequestHead('POST', 'a', path, {}), message: hasBody ? body : undefined },
    { answered: ({ httpStatus }) => told(String(httpStatus)), failed: (error) => told(error) },
  );
  client.start(call);
  if (kind === 'broken off' && random(2) === 0) {
    for (let i = random(20); i > 0; i--) await turn();
    call.cancel('nobody wants it');
  }
  const status = await answer;
  if (kind === 'broken off') {
    if (status === '200' && random(2) === 0) await call.body.next().catch(() => undefined);
    call.body.destroy();
    return;
  }
  if (status instanceof Error) throw status;
  assert.equal(status, '200', path);
  const got = Buffer.concat(await readAll(random, () => call.body.next()));
  if (does === 'echo') assert.ok(got.equals(hasBody ? body : Buffer.alloc(0)), path);
  else assert.equal(got.length, answers, path);
}

/** Handlers and readers wait for a few turns at most. */
const quietTurns = 30;
/** Many times more than any round was seen to take: nothing goes on for ever. */
const mostTurns = 100_000;

/** Their ends, and how many are still to come. */
function follow(calls: readonly Promise<void>[]) {
  let left = calls.length;
  const ends = Promise.allSettled(calls.map((call) => call.finally(() => left--)));
  return { ends, left: () => left };
}

/** One connection, some calls at once. */
async function round(seed: number, longHeads = false): Promise<void> {
  const random = randomOf(seed);
  const { server, client, at, from, move } = join(random, longHeads);
  const calls = Array.from({ length: longHeads ? 100 : pick(random, [1, 2, 30]) }, () =>
    someCall(random, client, longHeads),
  );
  const { ends, left } = follow(calls);
  let turns = 0;
  for (let quiet = 0; quiet < quietTurns && left() > 0 && !client.dead && !server.dead; turns++) {
    assert.ok(turns < mostTurns, `after ${turns} turns ${left()} calls wait, and something still moves`);
    quiet = move() ? 0 : quiet + 1;
    await turn();
  }
  const state = `SEED=${seed}: ${left()} of ${calls.length} calls wait; server ${server.dead ? 'dead' : `has ${server.open} streams`}, ${at.writableLength} bytes for its kernel, paused ${at.paused}; client ${client.dead ? 'dead' : 'alive'}, ${from.writableLength} bytes`;
  assert.equal(left(), 0, state);
  for (const end of await ends) if (end.status === 'rejected') assert.fail(`${state}: ${String(end.reason)}`);
  client.closed('the end');
  server.closed();
}

/** One connection that is cut, or that the server leaves, in the middle of calls. */
async function endedRound(seed: number): Promise<void> {
  const random = randomOf(seed);
  const { server, client, at, from, handlers, move } = join(random, false);
  const calls = Array.from({ length: pick(random, [1, 30]) }, () => attempt(random, client, false));
  const { ends, left } = follow(calls);
  for (let i = random(40); i > 0; i--) {
    move();
    await turn();
  }
  if (random(2) === 0) {
    client.closed('cut');
    server.closed();
  } else server.leave();
  let turns = 0;
  for (let quiet = 0; quiet < quietTurns; turns++) {
    assert.ok(turns < mostTurns, `after ${turns} turns ${left()} calls wait, and something still moves`);
    const moved = move();
    if ((at.isEnded || from.isEnded) && !moved) {
      client.closed('the other ended it');
      server.closed();
    }
    quiet = moved ? 0 : quiet + 1;
    await turn();
  }
  const state = `SEED=${seed}: ${left()} of ${calls.length} calls wait; server ${server.dead ? 'dead' : 'alive'}, ${server.open} streams, ${handlers.running} handlers run; client ${client.dead ? 'dead' : 'alive'}`;
  assert.deepEqual([left(), server.open, handlers.running], [0, 0, 0], state);
  assert.ok(client.dead && server.dead, state);
  for (const end of await ends)
    if (end.status === 'rejected')
      assert.match(String(end.reason), /not looked at|Connection dropped/, state);
}

/** Rounds of these seeds and of some from the clock on, or the one that is to be repeated. */
async function rounds(
  t: TestContext,
  count: number,
  one: (seed: number) => Promise<void>,
  fixed: readonly number[] = [],
): Promise<void> {
  const given = process.env['SEED'];
  const first = Date.now() % 1_000_000;
  const chosen = [...fixed, ...Array.from({ length: count }, (_, i) => first + i)];
  for (const seed of given === undefined ? chosen : [Number(given)]) {
    try {
      await one(seed);
    } catch (error) {
      t.diagnostic(`SEED=${seed} repeats it`);
      throw error;
    }
  }
}

const many = Number(process.env['ROUNDS'] ?? 40);

test('whatever the network does, every call ends, and nobody waits for what does not come', (t) =>
  rounds(t, many, (seed) => round(seed)));

/** Without heads that wait, each of these stands still. */
const standstills = [6, 12, 24, 33, 36];

test('long heads that wait for a client which reads nothing while it writes do not stop its server from reading', (t) =>
  rounds(t, 2, (seed) => round(seed, true), standstills));

test('a connection that is cut, or left by its server, at any moment ends every call and every handler', (t) =>
  rounds(t, many, endedRound));
