/** What a lost key hides and a found one shows again, to those who watch meanwhile, on a real etcd. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startApiServer, type TestServer, until, type WatchedEvent } from '../testing/harness.ts';
import { startEtcd } from '../testing/real-etcd.ts';

const secrets = '/api/v1/namespaces/default/secrets';
const secret = { lost: randomBytes(32).toString('base64'), other: randomBytes(32).toString('base64') };

const configuration = (name: keyof typeof secret): string => `kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
- resources: [secrets]
  providers:
  - aesgcm: {keys: [{name: ${name}, secret: "${secret[name]}"}]}
`;

/** At which nothing has been written for a while: a change of that very revision is the one that could be passed over. */
async function versionOfEmptyList(server: TestServer): Promise<string> {
  let version = '';
  let times = 0;
  await until(async () => {
    const { items, metadata } = (await server.request('GET', secrets)).json;
    assert.deepEqual(items, []);
    times = metadata.resourceVersion === version ? times + 1 : 0;
    version = String(metadata.resourceVersion);
    return times === 20;
  }, 'nobody writes');
  return version;
}

test('who watches, and who goes on from a list without it, is told of what can be read again', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'timonier-readable-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'encryption.yaml');
  await writeFile(file, configuration('lost'));
  const { endpoint } = await startEtcd(t);
  const before = await startApiServer(t, { endpoint, encryption: file });
  await until(async () => {
    const { status } = await before.request('POST', secrets, { metadata: { name: 'one' } });
    return status === 201;
  }, 'there is a secret');
  await before.stop();
  await writeFile(file, configuration('other'));
  const server = await startApiServer(t, { endpoint, encryption: file });
  const version = await versionOfEmptyList(server);
  const path = `${secrets}?watch=1&resourceVersion=${version}`;
  const ended = new AbortController();
  t.after(() => ended.abort());
  const enough = AbortSignal.any([ended.signal, AbortSignal.timeout(60_000)]);
  const first = async (isWanted: (event: WatchedEvent) => boolean): Promise<string> => {
    for await (const event of server.watch(path, enough))
      if (isWanted(event)) return String(event.object.metadata.name);
    throw new Error('the watch ended');
  };
  const watched = first(() => true);
  await writeFile(file, configuration('lost'));
  assert.equal(await watched, 'one');
  await until(async () => (await server.request('GET', `${secrets}/one`)).status === 200, 'it can be read');
  const isNewer = ({ object }: WatchedEvent): boolean =>
    Number(object.metadata.resourceVersion) > Number(version);
  assert.equal(await first((event) => isNewer(event)), 'one');
});
