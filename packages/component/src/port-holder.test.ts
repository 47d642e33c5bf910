import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { portHolder } from './port-holder.ts';

test('the holder of a port is named by its pid and program, and a free port by nobody', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  assert.match(portHolder(port), new RegExp(`^process ${process.pid} \\(.+\\) listens there already$`));
  assert.doesNotMatch(portHolder(port), /MainThread/);
  // One that was given back is anybody's.
  assert.equal(portHolder(1), 'another process listens there already');
});
