/** For tests: a way to an endpoint, on which they say of everything that passes whether it does. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** Of one connection. */
export interface Gate {
  /** Whether what was sent goes on; `break` ends the connection here, and leaves the endpoint to do what it was told. */
  sent(bytes: Buffer): boolean | 'break';
  /** The same of what comes back. */
  received(bytes: Buffer): boolean | 'break';
  /** Whether the connection stays when the endpoint has ended it; it does not unless told. */
  staysOpen?(): boolean;
}

/** The endpoint of the way, which is gone with the test. */
export async function linkTo(t: TestContext, to: string, gateOf: () => Gate): Promise<string> {
  const { hostname, port } = new URL(to);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const up = connect(Number(port), hostname);
    for (const one of [socket, up]) {
      sockets.add(one);
      one.on('error', () => undefined);
    }
    const gate = gateOf();
    let isBroken = false;
    const passed = (verdict: boolean | 'break', on: Socket, bytes: Buffer): void => {
      isBroken ||= verdict === 'break';
      if (isBroken) socket.destroy();
      else if (verdict === true) on.write(bytes);
    };
    socket.on('data', (bytes: Buffer) => passed(gate.sent(bytes), up, bytes));
    up.on('data', (bytes: Buffer) => passed(gate.received(bytes), socket, bytes));
    socket.on('close', () => {
      if (!isBroken) up.destroy();
    });
    up.on('close', () => {
      if (gate.staysOpen?.() !== true) socket.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${address.port}`;
}
