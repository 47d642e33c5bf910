import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { test, type TestContext } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { serveBare, type Served } from '../testing/bare-server.ts';
import { until } from '../testing/harness.ts';
import { wayOf } from './origin.ts';
import type { ConnectionLimits } from './tls-server.ts';

/** A server whose requests are never answered, unless the test says how. */
function serve(
  t: TestContext,
  limits: Partial<ConnectionLimits>,
  router: Partial<Served> = {},
): ReturnType<typeof serveBare> {
  return serveBare(t, () => new Promise(() => undefined), { limits, router });
}

test('a head that comes byte by byte, and a body that never comes, end the connection', async (t) => {
  const { port, ca } = await serve(t, { head: 100, request: 200, checking: 50 });
  for (const bytes of [
    'GET /version HTTP/1.1\r\nX: ',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n{',
  ]) {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca,
      ALPNProtocols: ['http/1.1'],
    });
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
    // However it ends: where this process was stopped, the end may come before the bytes are sent.
    socket.write(bytes);
    socket.resume();
    await until(() => socket.closed, `the end of ${bytes}`);
  }
});

test('an HTTP/2 session without streams is ended, and one with a stream is not', async (t) => {
  const { promise: hasCome, resolve: stream } = Promise.withResolvers<true>();
  const router: Partial<Served> = {
    serve: () => {
      stream(true);
      return new Promise(() => undefined);
    },
  };
  const { port, ca } = await serve(t, { idle: 150, checking: 50 }, router);
  const open = (): ReturnType<typeof connectHttp2> => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: 'localhost', ca });
    session.on('error', () => undefined);
    t.after(() => session.destroy());
    return session;
  };
  const ended = (session: ReturnType<typeof open>): Promise<false> =>
    new Promise((resolve) => session.once('close', () => resolve(false)));
  let busy: ReturnType<typeof open>;
  // Where this process was stopped for a moment, a session ends before its stream has come.
  do {
    busy = open();
    busy.request({ ':path': '/api/v1/pods?watch=1' }).on('error', () => undefined);
  } while (!(await Promise.race([hasCome, ended(busy)])));
  const idle = open();
  await until(() => idle.destroyed, 'the end of the session without streams');
  assert.equal(busy.closed, false);
});

/** A client that speaks HTTP/1.1 as the test writes it, and keeps its side open. */
async function speak(t: TestContext, port: number, ca: Buffer): Promise<TLSSocket> {
  // `connect` knows the last one, of which its types do not.
  const options = {
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca,
    ALPNProtocols: ['http/1.1'],
    allowHalfOpen: true,
  };
  const socket = connect(options);
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

const upgrade = 'GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
const watch = 'GET /watch HTTP/1.1\r\nHost: a\r\n\r\n';

test('an upgrade behind answers that are still to come ends the connection, and all of them', async (t) => {
  let served = 0;
  let upgraded = 0;
  let ended = 0;
  const begun = Promise.withResolvers<void>();
  const allEnded = Promise.withResolvers<void>();
  const { port, ca, accepted } = await serve(
    t,
    {},
    {
      serve: (_request, response) => {
        served++;
        begun.resolve();
        response.onClose(() => {
          ended++;
          allEnded.resolve();
        });
        response.writeHead(200);
        response.write('begun');
        return new Promise(() => undefined);
      },
      serveUpgrade: () => {
        upgraded++;
        return Promise.resolve();
      },
      switches: () => true,
    },
  );
  const socket = await speak(t, port, ca);
  const [connection] = accepted;
  assert.ok(connection);
  const closed = once(connection, 'close', { signal: AbortSignal.timeout(20_000) });
  socket.resume();
  socket.write(`${watch}${watch}${watch}`);
  await begun.promise;
  socket.write(upgrade);
  await closed;
  await Promise.race([allEnded.promise, once(AbortSignal.timeout(20_000), 'abort')]);
  assert.deepEqual({ served, upgraded, ended }, { served: 1, upgraded: 0, ended: 1 });
});

test('an upgrade behind an answer that is out is one', async (t) => {
  const upgraded = Promise.withResolvers<string>();
  const { port, ca } = await serve(
    t,
    {},
    {
      serve: (_request, response) => {
        response.answer(200, { 'content-length': '2' }, Buffer.from('ok'));
        return Promise.resolve();
      },
      serveUpgrade: ({ url }, socket) => {
        socket.end();
        upgraded.resolve(String(url));
        return Promise.resolve();
      },
      switches: () => true,
    },
  );
  const socket = await speak(t, port, ca);
  socket.write(watch);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /ok$/);
  socket.write(upgrade);
  assert.equal(await upgraded.promise, '/upgrade');
});

test('an answer to whoever is not heard to want another protocol is the last, for what came behind it is lost', async (t) => {
  const { port, ca } = await serve(
    t,
    {},
    {
      serve: (_request, response) => {
        response.answer(200, {}, Buffer.from('ok'));
        return Promise.resolve();
      },
      switches: () => false,
    },
  );
  const socket = await speak(t, port, ca);
  socket.write(`${upgrade}${watch}`);
  let answers = '';
  socket.on('data', (bytes: Buffer) => (answers += bytes.toString()));
  await once(socket, 'end', { signal: AbortSignal.timeout(60_000) });
  assert.match(answers, /^HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)*Connection: close\r\n/i);
});

test('nothing is served behind an answer that says that it is the last', async (t) => {
  const served: string[] = [];
  const { port, ca, accepted } = await serve(
    t,
    {},
    {
      serve: (request, response) => {
        served.push(request.url);
        response.answer(200, {}, Buffer.from('ok'));
        return Promise.resolve();
      },
    },
  );
  const socket = await speak(t, port, ca);
  const [connection] = accepted;
  assert.ok(connection);
  const closed = once(connection, 'close', { signal: AbortSignal.timeout(60_000) });
  let answers = '';
  socket.on('data', (bytes: Buffer) => (answers += bytes.toString()));
  socket.write(
    `${watch}POST /refused HTTP/1.1\r\nHost: a b\r\nContent-Length: 2\r\n\r\n{}${watch.replace('watch', 'behind')}`,
  );
  await once(socket, 'end', { signal: AbortSignal.timeout(60_000) });
  socket.end();
  await closed;
  assert.deepEqual(served, ['/watch']);
  assert.match(answers, /\r\nHTTP\/1\.1 400 Bad Request\r\n(?:[^\r]+\r\n)*Connection: close\r\n/i);
  assert.equal(answers.split('HTTP/1.1').length, 3);
});

test('whoever is refused an upgrade for naming two hosts is closed, also when it keeps its side open', async (t) => {
  const { port, ca, accepted } = await serve(t, {}, { switches: () => true });
  const socket = await speak(t, port, ca);
  const [connection] = accepted;
  assert.ok(connection);
  const closed = once(connection, 'close', { signal: AbortSignal.timeout(60_000) });
  t.mock.timers.enable({ apis: ['setTimeout'] });
  socket.write(upgrade.replace('\r\n', '\r\nHost: b\r\n'));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 400 /);
  t.mock.timers.tick(5_000);
  await closed;
});

test('of a request all fields are read, and one with more of them than that is refused', async (t) => {
  const seen: string[] = [];
  const { port, ca } = await serve(
    t,
    {},
    {
      serve: ({ rawHeaders }, response) => {
        seen.push(String(rawHeaders.at(-1)));
        response.answer(200, {}, Buffer.from('ok'));
        return Promise.resolve();
      },
      switches: ({ headers }) => headers.upgrade !== undefined,
    },
  );
  const junk = (count: number): string => 'X: y\r\n'.repeat(count);
  const ask = async (more: string): Promise<string> => {
    const socket = await speak(t, port, ca);
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\n${more}Impersonate-User: jane\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString().split('\r\n')[0] ?? '';
  };
  assert.equal(await ask(junk(3_000)), 'HTTP/1.1 200 OK');
  assert.deepEqual(seen, ['jane']);
  assert.equal(await ask(junk(5_000)), 'HTTP/1.1 431 Request Header Fields Too Large');
  const upgraded = await ask(`Connection: Upgrade\r\nUpgrade: x\r\n${junk(5_000)}`);
  assert.equal(upgraded, 'HTTP/1.1 431 Request Header Fields Too Large');
  assert.equal(seen.length, 1);
});

test('requests of one connection over HTTP/1.1 begin one after the other', async (t) => {
  const begun: string[] = [];
  let isServing = false;
  const { port, ca } = await serve(
    t,
    {},
    {
      serve: async ({ url }, response) => {
        assert.ok(!isServing, 'one at a time');
        isServing = true;
        begun.push(url);
        await new Promise((resolve) => setImmediate(resolve));
        isServing = false;
        response.answer(200, { 'content-length': '1' }, Buffer.from(url.slice(1)));
      },
    },
  );
  const socket = await speak(t, port, ca);
  socket.write([1, 2, 3].map((one) => `GET /${one} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
  let text = '';
  while (!text.endsWith('\r\n\r\n3')) text += String((await once(socket, 'data'))[0]);
  assert.deepEqual(begun, ['/1', '/2', '/3']);
});

test('a client that takes nothing of its answer over HTTP/1.1 loses the connection, and one with nothing to take does not', async (t) => {
  const { port, ca, accepted } = await serve(
    t,
    { stall: 100 },
    {
      serve: ({ url }, response) => {
        response.writeHead(200);
        response.write(url === '/watch' ? 'begun' : Buffer.alloc(64 * 1024 * 1024));
        return new Promise(() => undefined);
      },
      serveUpgrade: (_request, socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
        return new Promise(() => undefined);
      },
      switches: ({ url }) => url === '/upgrade',
    },
  );
  const quiet: TLSSocket[] = [];
  for (const asked of [watch, upgrade]) {
    const socket = await speak(t, port, ca);
    socket.write(asked);
    await once(socket, 'data');
    quiet.push(socket);
  }
  const deaf = await speak(t, port, ca);
  const closed = once(accepted[2] ?? assert.fail(), 'close', { signal: AbortSignal.timeout(60_000) });
  deaf.pause();
  deaf.write(watch.replace('/watch', '/much'));
  await closed;
  assert.deepEqual(
    accepted.map(({ destroyed }) => destroyed),
    [false, false, true],
  );
  for (const socket of quiet) assert.ok(!socket.destroyed);
});

test('a connection that another master has passed on comes from where that one says, and through that one', async (t) => {
  for (const [origin, expected] of [
    ['192.0.2.7', ['192.0.2.7', '127.0.0.1']],
    ['2001:db8::7', ['2001:db8::7', '127.0.0.1']],
    ['local', ['127.0.0.1']],
  ] as const) {
    const ways: string[][] = [];
    const { port, ca } = await serveBare(
      t,
      ({ socket }, response) => {
        ways.push(wayOf(socket));
        response.answer(200, {}, Buffer.from('ok'));
        return Promise.resolve();
      },
      { origin },
    );
    const socket = await speak(t, port, ca);
    socket.write(watch);
    await once(socket, 'data');
    const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: 'localhost', ca });
    t.after(() => session.destroy());
    await once(session.request({ ':path': '/' }).resume(), 'response');
    assert.deepEqual(ways, [expected, expected]);
  }
});
