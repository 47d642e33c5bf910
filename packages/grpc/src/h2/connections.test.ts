import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Connections } from './connections.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { webRoute } from './web.ts';

interface Served {
  readonly connections: Connections;
  readonly open: () => ClientHttp2Session;
}

/** Answers nothing but what has `/now` for a path. */
async function serve(
  t: TestContext,
  limits: Partial<Limits>,
  hasCome: (path: string) => void = () => undefined,
): Promise<Served> {
  const connections = new Connections({ ...defaultLimits, ...limits });
  const route = webRoute(async (call) => {
    hasCome(call.path);
    if (call.path !== '/now') await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
    call.respond(200, {});
  }, false);
  const server = createServer((socket) => connections.accept(socket, undefined, route));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  t.after(() => {
    server.close();
    return connections.shutdown(0);
  });
  const open = (): ClientHttp2Session => {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => undefined);
    t.after(() => session.destroy());
    return session;
  };
  return { connections, open };
}

async function ask(session: ClientHttp2Session): Promise<void> {
  const stream = session.request({ ':path': '/now' });
  stream.resume();
  await once(stream, 'close');
}

function end(session: ClientHttp2Session): Promise<false> {
  return new Promise((resolve) => session.once('close', () => resolve(false)));
}

/** Whether the server has asked it to go by now: what it said before it answers has come before its answer. */
function isSentAway(session: ClientHttp2Session): Promise<boolean> {
  return new Promise((resolve) => {
    if (session.destroyed || !session.ping(() => resolve(session.closed))) resolve(true);
  });
}

test('a connection without streams is asked to go, and one with a stream is not', async (t) => {
  let hasCome = (_yes: true): void => undefined;
  const { open } = await serve(t, { idleMs: 150, tickMs: 20 }, () => hasCome(true));
  let watching: ClientHttp2Session;
  let watches: Promise<boolean>;
  // Where this process was stopped for a moment, a connection is asked to go before its stream has come.
  do {
    watches = new Promise<true>((resolve) => (hasCome = resolve));
    watching = open();
    watching.request({ ':path': '/watch' }).on('error', () => undefined);
  } while (!(await Promise.race([watches, end(watching)])) || (await isSentAway(watching)));
  await end(open());
  assert.equal(watching.closed, false);
});

test('who is asked to leave is still served what was asked before', async (t) => {
  const { connections, open } = await serve(t, {});
  const session = open();
  const stream = session.request({ ':path': '/watch' });
  stream.on('error', () => undefined);
  await ask(session);
  connections.leave();
  await once(session, 'goaway');
  assert.equal(stream.destroyed, false);
  stream.close();
  await once(session, 'close');
  // Whoever comes late is sent away, too.
  await once(open(), 'goaway');
});
