import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { WebSocket } from 'ws';
import { answerPings } from './pings.ts';

test('one answer is on its way, and the latest of the pings meanwhile is answered next', () => {
  const pongs: string[] = [];
  const sent: (() => void)[] = [];
  const socket = Object.assign(new EventEmitter(), {
    OPEN: 1,
    readyState: 1,
    pong: (payload: Buffer, _mask: undefined, done: () => void) => {
      pongs.push(payload.toString());
      sent.push(done);
    },
  });
  answerPings(socket as unknown as WebSocket);
  for (let i = 0; i < 1_000; i++) socket.emit('ping', Buffer.from(String(i)));
  assert.deepEqual(pongs, ['0']);
  sent[0]?.();
  assert.deepEqual(pongs, ['0', '999']);
  sent[1]?.();
  socket.emit('ping', Buffer.from('again'));
  assert.deepEqual(pongs, ['0', '999', 'again']);
  socket.readyState = 3;
  sent[2]?.();
  socket.emit('ping', Buffer.from('late'));
  assert.equal(pongs.length, 3);
});
