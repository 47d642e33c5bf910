/** Masters whose API server is several processes: one office, one fence and one pipe for all of them. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import type { ClientHttp2Session } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { OfficeState } from '@timonier/client/office';
import { bootTimeMs } from '@timonier/linux/clock';
import { testPort } from '@timonier/linux/test-ports';
import { officeKey } from '../pipeline/fence-gate.ts';
import { StoreClient } from '../storage/store-client.ts';
import { until } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';
import { call, startServerProcess } from '../testing/server-process.ts';

const maps = '/api/v1/namespaces/default/configmaps';

/** What the supervisor of a master publishes, on a socket as it does. */
class Supervisor {
  #state: OfficeState;
  readonly #sockets = new Set<Socket>();

  constructor(t: TestContext, path: string, state: OfficeState) {
    this.#state = state;
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.write(`${JSON.stringify(this.#state)}\n`);
    }).listen(path);
    t.after(() => {
      for (const socket of this.#sockets) socket.destroy();
      server.close();
    });
  }

  /** How many processes follow. */
  get followers(): number {
    return this.#sockets.size;
  }

  publish(state: OfficeState): void {
    this.#state = state;
    for (const socket of this.#sockets) socket.write(`${JSON.stringify(state)}\n`);
  }
}

function active(name: string, address: string, token: string | null): OfficeState {
  const isOwn = token !== null;
  return {
    role: isOwn ? 'active' : 'passive',
    token,
    epoch: isOwn ? Number(token.split('@')[0]) : null,
    revision: isOwn ? 1 : null,
    leaseUntil: isOwn ? bootTimeMs() + 3_600_000 : 0,
    active: { name, address },
  };
}

function whenClosed(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => {
    if (session.destroyed) resolve();
    else session.once('close', resolve);
  });
}

test('two masters of two processes each pipe, hand over and fence as two of one', async (t) => {
  const { endpoint } = await startEtcd(t);
  const directory = await mkdtemp(join(tmpdir(), 'timonier-office-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const store = new StoreClient({ endpoints: [endpoint] });
  t.after(() => store.close());
  const takeOffice = (value: string): Promise<unknown> =>
    store.txn([], [{ requestPut: { key: officeKey, value } }], []);
  await takeOffice('1@a');
  const addresses = { a: '127.0.0.1', b: '127.0.0.2' } as const;
  const internalPort = String(await testPort());
  const offices = {
    a: new Supervisor(t, join(directory, 'a'), active('a', addresses.a, '1@a')),
    b: new Supervisor(t, join(directory, 'b'), active('a', addresses.a, null)),
  };
  const flags = (name: 'a' | 'b'): Record<string, string> => ({
    workers: '2',
    'bind-address': addresses[name],
    'internal-port': internalPort,
    'office-socket': join(directory, name),
  });
  const a = await startServerProcess(t, endpoint, flags('a'));
  const b = await startServerProcess(t, endpoint, flags('b'), a.pki);
  await until(
    () => offices.a.followers === 2 && offices.b.followers === 2,
    'every process follows the office',
  );

  // Two connections to each master are at both of its processes; those of the passive one reach the active one.
  const through = [a, a, b, b].map((master) => master.connect());
  for (const [i, session] of through.entries()) {
    const { status, text } = await call(session, 'POST', maps, { metadata: { name: `first-${i}` } });
    assert.equal(status, 201, text);
  }
  // The private socket of a passive master reads, and does not write.
  const loops = b.connect('admin', true);
  await until(
    async () => (await call(loops, 'GET', `${maps}/first-3`)).status === 200,
    'the passive one reads',
  );
  assert.equal((await call(loops, 'POST', maps, { metadata: { name: 'refused' } })).status, 503);

  // A deposed master that has not heard of it: the transaction refuses what any of its processes would write.
  await takeOffice('2@b');
  for (const session of through.slice(0, 2)) {
    const { status } = await call(session, 'POST', maps, { metadata: { name: 'late' } });
    assert.equal(status, 503);
  }
  offices.a.publish(active('b', addresses.b, null));
  offices.b.publish(active('b', addresses.b, '2@b'));
  await Promise.all(through.map(whenClosed));
  const after = [a, a, b, b].map((master) => master.connect());
  for (const [i, session] of after.entries()) {
    const { status, text } = await call(session, 'POST', maps, { metadata: { name: `second-${i}` } });
    assert.equal(status, 201, text);
  }
  assert.equal((await call(after[0] ?? loops, 'GET', `${maps}/late`)).status, 404);

  assert.equal(await a.stop(), 0, 'it ends in order');
  assert.equal(await b.stop(), 0);
});

test('what is wrong with the flags of the workers is said once, and ends the whole', async (t) => {
  const { endpoint } = await startEtcd(t);
  await assert.rejects(
    startServerProcess(t, endpoint, { workers: '2', 'service-cluster-ip-range': 'all' }),
    ({ message }: Error) =>
      message.split('--service-cluster-ip-range: "all" is not an IPv4 range').length === 2,
  );
});
