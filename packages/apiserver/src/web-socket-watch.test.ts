import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { WatchEncoder } from './cache/watch-encoder.ts';
import { parseAuditPolicy } from './audit/policy.ts';
import { until, type WatchedEvent } from './testing/harness.ts';
import { sharedServer } from './testing/shared-server.ts';
import { type Client, closed, type Opening, openWebSocket, webSocketRefusal } from './testing/web-sockets.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const initial = 'watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan';
const bearer = 'base64url.bearer.authorization.k8s.io.';
const audit = parseAuditPolicy(`
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: Metadata, verbs: [watch], userGroups: [recorded]}
- {level: None}
`);
const folder = await mkdtemp(join(tmpdir(), 'timonier-web-socket-'));
const auditLog = join(folder, 'audit.log');

const shared = sharedServer(async (_, onEnd) => onEnd(() => rm(folder, { recursive: true, force: true })), {
  authentication: { tokenFile: 'abc,alice,1,"system:masters,recorded"\ndef,bob,2\n' },
  audit: {
    policy: audit,
    file: { path: auditLog, maxBytes: 2 ** 30, maxBackups: 0, maxAgeDays: 0, bufferSize: 10_000 },
  },
});

const open = (path: string, opening?: Opening): Promise<Client> =>
  openWebSocket(shared.server, path, opening);
const refusal = (path: string, opening?: Opening): Promise<string> =>
  webSocketRefusal(shared.server, path, opening);

/** The events in the next messages, each of which is one. */
async function events(client: Client, count: number): Promise<WatchedEvent[]> {
  const seen: WatchedEvent[] = [];
  const enough = new Promise<void>((resolve, reject) => {
    const take = (data: Buffer, isBinary: boolean): void => {
      assert.equal(isBinary, false);
      seen.push(JSON.parse(data.toString()) as WatchedEvent);
      if (seen.length < count) return;
      client.pause();
      client.off('message', take);
      resolve();
    };
    client.on('message', take);
    client.once('close', (code: number) =>
      reject(new Error(`it was closed with ${code} after ${seen.length} events`)),
    );
  });
  client.resume();
  await enough;
  return seen;
}

function summary(list: readonly WatchedEvent[]): string[] {
  return list.map(({ type, object }) => `${type} ${object.metadata.name ?? ''}`.trim());
}

async function createMap(name: string, labels: object = {}): Promise<void> {
  await shared.ask(201, 'POST', configMaps, { metadata: { name, labels } });
}

async function metric(name: string, ...labels: string[]): Promise<string | undefined> {
  const lines = (await shared.server.metrics.metrics()).split('\n');
  const line = lines.find(
    (one) => one.startsWith(`${name}{`) && labels.every((label) => one.includes(label)),
  );
  return line?.slice(line.lastIndexOf(' ') + 1);
}

test('a watch over a WebSocket begins with the state, marks its end, and goes on with changes, a message each', async () => {
  await createMap('a', { of: 'first' });
  const client = await open(`${configMaps}?${initial}&labelSelector=of%3Dfirst`);
  const [added, bookmark] = await events(client, 2);
  assert.equal(added?.type, 'ADDED');
  assert.equal(added.object.metadata.name, 'a');
  assert.equal(bookmark?.type, 'BOOKMARK');
  assert.equal(bookmark.object.metadata.annotations['k8s.io/initial-events-end'], 'true');
  const changes = events(client, 2);
  await createMap('b', { of: 'first' });
  await shared.ask(200, 'DELETE', `${configMaps}/a`);
  assert.deepEqual(summary(await changes), ['ADDED b', 'DELETED a']);
  client.close();
  assert.equal(await closed(client), 1005);
});

test('the old spelling of a watch is one as well, and its time ends it in good order', async () => {
  await createMap('old');
  const client = await open(
    '/api/v1/watch/namespaces/default/configmaps?timeoutSeconds=1&fieldSelector=metadata.name%3Dold',
  );
  assert.deepEqual(summary(await events(client, 1)), ['ADDED old']);
  assert.equal(await closed(client), 1000);
});

test('a version that is still to come is told in a message, and ends the watch', async () => {
  const client = await open(`${configMaps}?${initial}&resourceVersion=9999999`);
  const [event] = await events(client, 1);
  assert.equal(event?.type, 'ERROR');
  assert.equal(event.object.code, 504);
  assert.equal(await closed(client), 1000);
});

test('in protobuf a message is bytes, and is the event without the length before it', async () => {
  await createMap('bytes');
  const path = `${configMaps}?watch=1&resourceVersion=0&fieldSelector=metadata.name%3Dbytes&timeoutSeconds=1`;
  const accept = 'application/vnd.kubernetes.protobuf;stream=watch';
  const client = await open(path, { headers: { accept } });
  const ended = closed(client);
  const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
  const plain = await shared.server.request('GET', path, undefined, { headers: { accept } });
  assert.equal(isBinary, true);
  assert.equal(plain.body.readUInt32BE(0), data.length);
  assert.deepEqual(data, plain.body.subarray(4, 4 + data.length));
  assert.equal(await ended, 1000);
});

test('tables come as tables', async () => {
  await createMap('row');
  const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  const path = `${configMaps}?watch=1&fieldSelector=metadata.name%3Drow`;
  const client = await open(path, { headers: { accept } });
  const [event] = await events(client, 1);
  assert.equal(event?.object.kind, 'Table');
  assert.equal(event.object.rows[0].cells[0], 'row');
  client.terminate();
});

test('a browser says who it is in a subprotocol, and is told the other one', async () => {
  const protocols = ['events.example', `${bearer}${Buffer.from('abc').toString('base64url')}`];
  const client = await open(`${configMaps}?watch=1`, { as: '', protocols });
  assert.equal(client.protocol, 'events.example');
  client.terminate();
  // A certificate is believed, and the token is kept from the answer all the same.
  const both = await open(`${configMaps}?watch=1`, { protocols });
  assert.equal(both.protocol, 'events.example');
  both.terminate();
  const [, token = ''] = protocols;
  assert.equal(await refusal(`${configMaps}?watch=1`, { as: '', protocols: [token] }), '401 Unauthorized');
  const unknown = ['a', `${bearer}${Buffer.from('xyz').toString('base64url')}`];
  assert.equal(await refusal(`${configMaps}?watch=1`, { as: '', protocols: unknown }), '401 Unauthorized');
});

test('a client that gets no watch gets an ordinary answer', async () => {
  const asBob = { as: '', headers: { authorization: 'Bearer def' } };
  assert.match(
    await refusal(`${configMaps}?watch=1`, asBob),
    /^403 .*User "bob" cannot watch resource "configmaps"/,
  );
  assert.match(await refusal(`${configMaps}?watch=1`, { as: '' }), /^403 .*User "system:anonymous"/);
  assert.match(await refusal('/api/v1/nothings?watch=1'), /^404 /);
  assert.match(
    await refusal(`${configMaps}?watch=1&labelSelector=%21%21`),
    /^400 unable to parse requirement/,
  );
  const protocols = ['a', 'b'];
  assert.match(
    await refusal(`${configMaps}?watch=1`, { protocols }),
    /^400 .*one WebSocket subprotocol at most/,
  );
});

test('what is no handshake of a WebSocket is told, and a list stays a list', async () => {
  const { pki, port } = shared.server;
  const own = pki.files('admin');
  const ask = async (path: string): Promise<{ status: number; kind: string; message?: string }> => {
    const request = httpsRequest({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca: await readFile(pki.caFile),
      cert: await readFile(own.certificateFile),
      key: await readFile(own.keyFile),
      path,
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '7' },
    });
    request.end();
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of answer) text += String(chunk);
    const { kind, message } = JSON.parse(text) as { kind: string; message?: string };
    return { status: answer.statusCode ?? 0, kind, ...(message === undefined ? {} : { message }) };
  };
  const message = 'missing or bad WebSocket Version';
  assert.deepEqual(await ask(`${configMaps}?watch=1`), { status: 400, kind: 'Status', message });
  assert.deepEqual(await ask(configMaps), { status: 200, kind: 'ConfigMapList' });
});

test('it counts and is recorded as a watch, from its beginning to its end', async () => {
  const watches = ['verb="WATCH"', 'resource="secrets"'];
  const running = (): Promise<string | undefined> => metric('apiserver_longrunning_requests', ...watches);
  const client = await open('/api/v1/secrets?watch=1', { as: '', headers: { authorization: 'Bearer abc' } });
  await until(async () => (await running()) === '1', 'it runs');
  await until(
    async () => (await metric('apiserver_current_inflight_requests', 'request_kind="readOnly"')) === '0',
    'it is none of the requests that are soon over',
  );
  // Also for one that does not hear the answer to its goodbye, since nobody reads here.
  client.close();
  await until(async () => (await running()) === '0', 'it has ended');
  assert.equal(await metric('apiserver_request_total', ...watches, 'code="101"'), '1');
  const seconds = Number(await metric('apiserver_request_duration_seconds_sum', ...watches));
  assert.ok(Number.isFinite(seconds), `it lasted ${seconds} s`);
  const stages = async (): Promise<string[]> =>
    (await readFile(auditLog, 'utf8'))
      .split('\n')
      .filter((line) => line.includes('"resource":"secrets"'))
      .map((line) => JSON.parse(line) as { stage: string; responseStatus?: { code: number } })
      .map(({ stage, responseStatus }) => `${stage} ${responseStatus?.code ?? ''}`.trim());
  await until(async () => (await stages()).length === 3, 'it is recorded');
  assert.deepEqual(await stages(), ['RequestReceived', 'ResponseStarted 101', 'ResponseComplete 101']);
});

test('a client that does not read for a while misses nothing, and holds no more than others', async () => {
  await createMap('slow');
  const client = await open(`${configMaps}?watch=1&fieldSelector=metadata.name%3Dslow`);
  const [first] = await events(client, 1);
  assert.equal(first?.type, 'ADDED');
  const changes = 120;
  for (let i = 1; i <= changes; i++)
    await shared.ask(
      200,
      'PATCH',
      `${configMaps}/slow`,
      // More altogether than all buffers in between hold.
      JSON.stringify({ data: { text: `${i} ${'x'.repeat(64 * 1024)}` } }),
      { headers: { 'content-type': 'application/merge-patch+json' } },
    );
  const seen = await events(client, changes);
  assert.deepEqual(
    seen.map(({ object }) => String(object.data.text).split(' ')[0]),
    Array.from({ length: changes }, (_unused, i) => String(i + 1)),
  );
  client.terminate();
});

test('the time of a watch ends it also while its client reads nothing of the state', async () => {
  const size = 900_000;
  // More altogether than all buffers in between hold.
  for (let i = 0; i < 16; i++)
    await shared.ask(201, 'POST', '/api/v1/namespaces/default/configmaps', {
      metadata: { name: `state-${i}`, labels: { of: 'state' } },
      data: { text: 'x'.repeat(size) },
    });
  const running = (): Promise<string | undefined> =>
    metric('apiserver_longrunning_requests', 'verb="WATCH"', 'resource="configmaps"');
  await until(async () => (await running()) === '0', 'those before it have ended');
  const ended = async (): Promise<number> =>
    (await shared.server.metrics.metrics())
      .split('\n')
      .filter((line) =>
        /^apiserver_request_total\{.*verb="WATCH".*resource="configmaps".*code="101"/.test(line),
      )
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  const before = await ended();
  const client = await open(`${configMaps}?${initial}&labelSelector=of%3Dstate&timeoutSeconds=2`);
  // Whether or not it is seen while it runs.
  await until(async () => (await ended()) > before, 'it has ended');
  // What had been sent by then comes, in order, and then the end.
  const seen: string[] = [];
  client.on('message', (data: Buffer) => {
    const { type, object } = JSON.parse(data.toString()) as WatchedEvent;
    seen.push(`${type} ${object.data?.text.length}`);
  });
  assert.equal(await closed(client), 1000);
  assert.ok(seen.length < 16, `${seen.length} events had been sent`);
  assert.deepEqual(new Set(seen), new Set([`ADDED ${size}`]));
});

test('a watch that fails does not say that all went well', async (t) => {
  const client = await open(`${configMaps}?watch=1&resourceVersion=0&fieldSelector=metadata.name%3Dbroken`);
  const path = `${configMaps}?watch=1&fieldSelector=metadata.name%3Dbroken&timeoutSeconds=60`;
  const { port, pki } = shared.server;
  const own = pki.files('admin');
  const plain = httpsRequest({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: await readFile(pki.caFile),
    cert: await readFile(own.certificateFile),
    key: await readFile(own.keyFile),
    path,
  });
  plain.end();
  const [answer] = (await once(plain, 'response')) as [IncomingMessage];
  t.mock.method(WatchEncoder.prototype, 'change', () => {
    throw new Error('broken');
  });
  const ended = closed(client);
  const broken = assert.rejects(answer.toArray(), /aborted/);
  await createMap('broken');
  const [code] = await Promise.all([ended, broken]);
  assert.equal(code, 1006);
});

test('a client that goes without a word ends its watch', async () => {
  const running = (): Promise<string | undefined> =>
    metric('apiserver_longrunning_requests', 'verb="WATCH"', 'resource="endpoints"');
  const client = await open('/api/v1/endpoints?watch=1');
  await until(async () => (await running()) === '1', 'it runs');
  client.terminate();
  await until(async () => (await running()) === '0', 'it has ended');
});

test('a server that stops ends its watches', async () => {
  const client = await open(`${configMaps}?watch=1`);
  const ended = closed(client);
  await shared.server.stop();
  assert.equal(await ended, 1006);
});
