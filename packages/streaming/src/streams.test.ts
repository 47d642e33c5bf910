import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { HandshakeError, openStreams } from './client.ts';
import { relayUpgrade } from './relay.ts';
import { acceptStreams, refuseUpgrade, type ServerStreams } from './server.ts';
import type { TerminalSize } from './protocol.ts';

type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<unknown>;

async function listening(upgrade: Upgrade, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer();
  const sockets = new Set<Duplex>();
  server.on('upgrade', (request, socket, head) => {
    sockets.add(socket);
    void upgrade(request, socket, head);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/exec?x=1`);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const serve =
  (handler: (streams: ServerStreams) => Promise<void>): Upgrade =>
  async (request, socket, head) =>
    handler(await acceptStreams(request, socket, head));

const upperCase = serve(async (streams) => {
  const input = await text(streams.stdin);
  streams.stdout.write(input.toUpperCase());
  streams.stderr.write('done\n');
  await streams.finish({ exitCode: 3 });
});

test('input can be closed while output still flows, and the exit code arrives', async () => {
  await listening(upperCase, async (url) => {
    const client = await openStreams(url);
    assert.equal(client.protocol, 'v5.channel.k8s.io');
    client.stdin.end('hello');
    assert.deepEqual(await Promise.all([text(client.stdout), text(client.stderr)]), ['HELLO', 'done\n']);
    assert.deepEqual(await client.outcome, { exitCode: 3 });
  });
});

for (const protocol of ['v4.channel.k8s.io', 'channel.k8s.io']) {
  test(`${protocol} carries output and outcome`, async () => {
    const server = serve(async (streams) => {
      for await (const chunk of streams.stdin) {
        streams.stdout.write(chunk as Buffer);
        break;
      }
      await streams.finish({ exitCode: 7 });
    });
    await listening(server, async (url) => {
      const client = await openStreams(url, { protocols: [protocol] });
      assert.equal(client.protocol, protocol);
      client.stdin.write('echo');
      assert.equal(await text(client.stdout), 'echo');
      assert.deepEqual(await client.outcome, { exitCode: 7 });
    });
  });
}

test('a slow reader stops the writer instead of filling memory', async () => {
  let written = 0;
  const total = 64 * 1024 * 1024;
  const server = serve(async (streams) => {
    const chunk = Buffer.alloc(64 * 1024, 1);
    await pipeline(
      async function* () {
        for (; written < total; written += chunk.length) yield chunk;
      },
      streams.stdout,
      { end: false },
    );
    await streams.finish({ exitCode: 0 });
  });
  await listening(server, async (url) => {
    const client = await openStreams(url);
    client.stdout.pause();
    // Both ends live in this process: what stands still for so many of its turns would not move in any other.
    let still = 0;
    for (let before = -1; still < 500; still += 1) {
      if (written !== before) still = 0;
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.ok(written > 0);
    assert.ok(written < total / 2, `${written} bytes were taken although nobody reads`);
    const everything = await buffer(client.stdout);
    assert.equal(everything.length, total);
    assert.deepEqual(await client.outcome, { exitCode: 0 });
  });
});

test('the size of the terminal reaches a listener that comes late, and nonsense is dropped', async () => {
  const sizes: TerminalSize[] = [];
  const server = serve(async (streams) => {
    for await (const _chunk of streams.stdin) break;
    streams.onResize((size) => sizes.push(size));
    await streams.finish({ exitCode: 0 });
  });
  await listening(server, async (url) => {
    const client = await openStreams(url);
    await client.resize({ columns: 80, rows: 24 });
    await client.resize({ columns: -1, rows: 24 });
    client.stdin.write('x');
    assert.deepEqual(await client.outcome, { exitCode: 0 });
  });
  assert.deepEqual(sizes, [{ columns: 80, rows: 24 }]);
});

test('a relay in the middle is invisible, also when the next hop refuses', async () => {
  await listening(upperCase, async (runtime) => {
    const middle: Upgrade = (request, socket, head) => relayUpgrade(request, socket, head, runtime);
    await listening(middle, async (url) => {
      const client = await openStreams(url);
      client.stdin.end('through');
      assert.equal(await text(client.stdout), 'THROUGH');
      assert.deepEqual(await client.outcome, { exitCode: 3 });
    });
  });
  const refusing: Upgrade = async (_request, socket) => refuseUpgrade(socket, 404, 'no such container');
  await listening(refusing, async (runtime) => {
    const middle: Upgrade = (request, socket, head) => relayUpgrade(request, socket, head, runtime);
    await listening(middle, async (url) => {
      await assert.rejects(
        openStreams(url),
        (error) =>
          error instanceof HandshakeError && error.statusCode === 404 && /no such container/.test(error.body),
      );
    });
  });
});

test('a connection that breaks ends the input, and the outcome says so', async () => {
  const ended = Promise.withResolvers<void>();
  const server: Upgrade = async (request, socket, head) => {
    const streams = await acceptStreams(request, socket, head);
    streams.stdin.resume().on('end', () => ended.resolve());
    socket.destroy();
  };
  await listening(server, async (url) => {
    const client = await openStreams(url);
    const outcome = await client.outcome;
    assert.ok('failure' in outcome && /ended/.test(outcome.failure));
    await ended.promise;
  });
});

test('a client that leaves while the next hop is dialled takes nothing with it', async () => {
  const dialled = Promise.withResolvers<void>();
  const upstreamGone = Promise.withResolvers<void>();
  const runtime = createServer();
  const held: (() => void)[] = [];
  runtime.on('upgrade', (request, socket, head) => {
    socket.on('error', () => undefined);
    dialled.resolve();
    held.push(() => {
      void acceptStreams(request, socket, head).then(({ closed }) => {
        closed.addEventListener('abort', () => upstreamGone.resolve(), { once: true });
        if (closed.aborted) upstreamGone.resolve();
      });
    });
  });
  await new Promise<void>((resolve) => runtime.listen(0, '127.0.0.1', resolve));
  const { port } = runtime.address() as AddressInfo;
  const relayed = Promise.withResolvers<void>();
  const middle: Upgrade = async (request, socket, head) => {
    void relayUpgrade(request, socket, head, `http://127.0.0.1:${port}/`).then(() => relayed.resolve());
    socket.once('close', () => {
      for (const accept of held) accept();
    });
    await dialled.promise;
    socket.destroy(new Error('connection reset'));
  };
  try {
    await listening(middle, async (url) => {
      await assert.rejects(openStreams(url));
      await relayed.promise;
      await upstreamGone.promise;
    });
  } finally {
    runtime.closeAllConnections();
    runtime.close();
  }
});
