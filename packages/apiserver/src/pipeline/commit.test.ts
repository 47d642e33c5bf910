/** Commits whose answer does not come, and those under a lease that is gone, against a real etcd. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { startApiServer, until } from '../testing/harness.ts';
import { type Gate, linkTo } from '../testing/link.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const events = '/api/v1/namespaces/default/events';

/** Breaks when the answer comes to a request with a certain text in it; an empty one is in none. */
class Breaking {
  text = '';

  gate(): Gate {
    let isLost = false;
    return {
      sent: (bytes) => {
        isLost ||= this.text !== '' && bytes.includes(this.text);
        return true;
      },
      received: () => (isLost ? 'break' : true),
    };
  }
}

test('who is not told what became of a write is not told to send it again', async (t) => {
  const link = new Breaking();
  const endpoint = await linkTo(t, (await startEtcd(t)).endpoint, () => link.gate());
  const server = await startApiServer(t, { endpoint });
  await until(
    async () => (await server.request('GET', '/api/v1/namespaces/default')).status === 200,
    'the namespace is there',
  );
  link.text = 'configmaps/default/doubtful';
  const answer = await server.request('POST', configMaps, { metadata: { name: 'doubtful' } });
  link.text = '';
  assert.equal(answer.status, 504);
  assert.equal(answer.json.reason, 'Timeout');
  assert.match(answer.json.message, /whether the create was carried out is not known/);
  // Programs that find a time to wait here send even a creation again by themselves.
  assert.equal(answer.headers['retry-after'], undefined);
  assert.equal(answer.json.details?.retryAfterSeconds, undefined);
  await until(
    async () => (await server.request('GET', `${configMaps}/doubtful`)).status === 200,
    'it was carried out',
  );
});

test('an event is written under a new lease when the store has lost the one that is handed out', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  await until(
    async () => (await server.request('GET', '/api/v1/namespaces/default')).status === 200,
    'the namespace is there',
  );
  const create = async (name: string): Promise<number> => {
    const involvedObject = { kind: 'Pod', namespace: 'default', name: 'p' };
    return (await server.request('POST', events, { metadata: { name }, involvedObject })).status;
  };
  const etcdctl = (...args: string[]): string =>
    execFileSync('etcdctl', [`--endpoints=${endpoint}`, ...args], {
      env: { ...process.env, ETCDCTL_API: '3' },
      encoding: 'utf8',
    });
  const leases = (): string[] =>
    etcdctl('lease', 'list')
      .split('\n')
      .filter((line) => /^[0-9a-f]+$/.test(line));
  assert.equal(await create('a'), 201);
  const before = leases();
  assert.equal(before.length, 1);
  etcdctl('lease', 'revoke', before[0] ?? '');
  assert.equal(await create('b'), 201);
  assert.equal(await create('c'), 201);
  const after = leases();
  assert.equal(after.length, 1, 'both have the same');
  assert.notDeepEqual(after, before);
});
