import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAuditPolicy } from './audit/policy.ts';
import { until } from './testing/harness.ts';
import { placePod, startKubelet } from './testing/kubelet.ts';
import { sharedServer } from './testing/shared-server.ts';
import { type Client, closed, type Opening, openWebSocket, webSocketRefusal } from './testing/web-sockets.ts';

const pods = '/api/v1/namespaces/default/pods';
const bearer = 'base64url.bearer.authorization.k8s.io.';
const audit = parseAuditPolicy(`
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: Metadata, resources: [{group: "", resources: [pods/log]}], userGroups: [recorded]}
- {level: None}
`);
const folder = await mkdtemp(join(tmpdir(), 'timonier-web-socket-logs-'));
const auditLog = join(folder, 'audit.log');

/** What the kubelet is asked for; the test that waits for it answers. */
const asked = new EventEmitter();

const shared = sharedServer(
  async (server, onEnd) => {
    onEnd(() => rm(folder, { recursive: true, force: true }));
    const { port } = await startKubelet({ after: onEnd }, server, (request, response) => {
      if (!asked.emit('log', request, response)) response.writeHead(500).end('nobody expected this');
    });
    await placePod(server, port);
  },
  {
    authentication: { tokenFile: 'abc,alice,1,"system:masters,recorded"\ndef,bob,2\n' },
    audit: {
      policy: audit,
      file: { path: auditLog, maxBytes: 2 ** 30, maxBackups: 0, maxAgeDays: 0, bufferSize: 10_000 },
    },
  },
);

type Asked = [IncomingMessage, ServerResponse];

function kubeletAsked(): Promise<Asked> {
  return once(asked, 'log') as Promise<Asked>;
}

/** A log over a WebSocket, and the kubelet's end of it, which has begun to answer with `beginning`. */
async function openLog(
  beginning: string | Buffer,
  opening?: Opening,
  query = 'follow=true',
): Promise<{ client: Client; path: string; output: ServerResponse }> {
  const asking = kubeletAsked();
  const opened = openWebSocket(shared.server, `${pods}/p/log?${query}`, opening);
  const [request, output] = await asking;
  output.writeHead(200, { 'content-type': 'text/plain' });
  output.write(beginning);
  return { client: await opened, path: request.url ?? '', output };
}

interface Told {
  readonly messages: Buffer[];
  readonly kinds: Set<string>;
  /** What it is closed with. */
  readonly end: Promise<number>;
}

function listen(client: Client): Told {
  const messages: Buffer[] = [];
  const kinds = new Set<string>();
  client.on('message', (data: Buffer, isBinary: boolean) => {
    messages.push(data);
    kinds.add(isBinary ? 'bytes' : 'text');
  });
  return { messages, kinds, end: closed(client) };
}

async function refused(opening?: Opening): Promise<string> {
  return webSocketRefusal(shared.server, `${pods}/p/log`, opening);
}

async function metric(name: string, ...labels: string[]): Promise<string | undefined> {
  const lines = (await shared.server.metrics.metrics()).split('\n');
  const line = lines.find(
    (one) => one.startsWith(`${name}{`) && labels.every((label) => one.includes(label)),
  );
  return line?.slice(line.lastIndexOf(' ') + 1);
}

const running = (): Promise<string | undefined> =>
  metric('apiserver_longrunning_requests', 'resource="pods"', 'subresource="log"');

/** Waits until the request with this in its URI is recorded in these stages, and no others. */
async function isRecorded(query: string, expected: readonly string[]): Promise<void> {
  const stages = async (): Promise<string[]> =>
    (await readFile(auditLog, 'utf8'))
      .split('\n')
      .filter((line) => line.includes(query))
      .map((line) => JSON.parse(line) as { stage: string; responseStatus?: { code: number } })
      .map(({ stage, responseStatus }) => `${stage} ${responseStatus?.code ?? ''}`.trim());
  await until(async () => (await stages()).length >= expected.length, 'it is recorded');
  assert.deepEqual(await stages(), expected);
}

test('a log over a WebSocket begins with an empty message, is bytes as they come, and ends with the log', async () => {
  const all = Buffer.from([0x66, 0xff, 0x00, 0x0a]);
  const { client, path, output } = await openLog(all, {}, 'follow=1&tailLines=5&container=main');
  assert.equal(path, '/containerLogs/default/p/main?follow=true&tailLines=5');
  assert.equal(client.protocol, '');
  const { messages, kinds, end } = listen(client);
  await until(() => Buffer.concat(messages).length === all.length, 'the beginning has come');
  assert.equal(messages[0]?.length, 0);
  output.end('the end\n');
  assert.equal(await end, 1000);
  assert.deepEqual(Buffer.concat(messages), Buffer.concat([all, Buffer.from('the end\n')]));
  assert.deepEqual([...kinds], ['bytes']);
});

test('the first subprotocol that is known is spoken: bytes, or base64 where only text can be shown', async () => {
  const bytes = await openLog('one\n', { protocols: ['channel.k8s.io', 'binary.k8s.io'] });
  assert.equal(bytes.client.protocol, 'binary.k8s.io');
  const asBytes = listen(bytes.client);
  bytes.output.end();
  assert.equal(await asBytes.end, 1000);
  assert.deepEqual([Buffer.concat(asBytes.messages).toString(), ...asBytes.kinds], ['one\n', 'bytes']);
  const text = await openLog(Buffer.from([0xff, 0x00]), {
    protocols: ['base64.binary.k8s.io', 'binary.k8s.io'],
  });
  assert.equal(text.client.protocol, 'base64.binary.k8s.io');
  const asText = listen(text.client);
  text.output.end();
  assert.equal(await asText.end, 1000);
  assert.deepEqual(
    asText.messages.map((message) => message.toString()),
    ['', '/wA='],
  );
  assert.deepEqual([...asText.kinds], ['text']);
});

test('a subprotocol that nobody knows is refused, and the kubelet is let go', async () => {
  const asking = kubeletAsked();
  const refusing = refused({ protocols: ['v5.channel.k8s.io', 'other'] });
  const [, output] = await asking;
  output.write('for nobody\n');
  const gone = once(output, 'close');
  assert.match(await refusing, /^403 requested protocol\(s\) are not supported: \[v5.channel.k8s.io other\]/);
  await gone;
  assert.equal(output.writableFinished, false);
});

test('a browser says who it is in a subprotocol, and is told the other one', async () => {
  const token = `${bearer}${Buffer.from('abc').toString('base64url')}`;
  const { client, output } = await openLog('mine\n', { as: '', protocols: ['binary.k8s.io', token] });
  assert.equal(client.protocol, 'binary.k8s.io');
  const { messages, end } = listen(client);
  output.end();
  assert.equal(await end, 1000);
  assert.equal(Buffer.concat(messages).toString(), 'mine\n');
  assert.equal(await refused({ as: '', protocols: [token] }), '401 Unauthorized');
});

test('who gets no log gets an ordinary answer', async () => {
  const asBob = { as: '', headers: { authorization: 'Bearer def' } };
  assert.match(await refused(asBob), /^403 .*User "bob" cannot get resource "pods\/log"/);
  const refusal = (path: string): Promise<string> => webSocketRefusal(shared.server, `${pods}/${path}`);
  assert.equal(await refusal('q/log'), '404 pods "q" not found');
  assert.equal(await refusal('p/log?container=other'), '400 container other is not valid for pod p');
  assert.equal(
    await refusal('p/log?tailLines=-1'),
    '422 PodLogOptions "p" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
  );
  const told = async (code: number, text: string): Promise<string> => {
    const [answer] = await Promise.all([
      refused(),
      kubeletAsked().then(([, output]) => output.writeHead(code).end(text)),
    ]);
    return answer;
  };
  assert.equal(await told(400, 'container "main" is waiting'), '400 container "main" is waiting');
  assert.equal(await told(500, 'broken'), '500 Internal error occurred: broken');
  assert.equal(await told(404, 'no'), '404 the server could not find the requested resource ( pods/log p)');
});

test('a pod that runs nowhere has said nothing yet', async () => {
  const pod = { metadata: { name: 'nowhere' }, spec: { containers: [{ name: 'main', image: 'demo' }] } };
  await shared.ask(201, 'POST', pods, pod);
  const opened = openWebSocket(shared.server, `${pods}/nowhere/log`);
  await assert.rejects(opened, { name: 'HandshakeError', statusCode: 204 });
});

test('it counts and is recorded as a log, and who says goodbye ends it, also at its kubelet', async () => {
  const asAlice = { as: '', headers: { authorization: 'Bearer abc' } };
  const { client, output } = await openLog('first\n', asAlice, 'follow=true&tailLines=3');
  const gone = once(output, 'close');
  const { end } = listen(client);
  await until(async () => (await running()) === '1', 'it runs');
  await until(
    async () => (await metric('apiserver_current_inflight_requests', 'request_kind="readOnly"')) === '0',
    'it is none of the requests that are soon over',
  );
  client.close();
  await gone;
  assert.equal(output.writableFinished, false);
  assert.equal(await end, 1005);
  await until(async () => (await running()) === '0', 'it has ended');
  const total = await metric('apiserver_request_total', 'subresource="log"', 'code="101"');
  assert.ok(Number(total) >= 1, `${total} ended`);
  await isRecorded('tailLines=3', ['RequestReceived', 'ResponseStarted 101', 'ResponseComplete 101']);
});

test('who leaves a log over HTTP ends it as well, and is no failure of the server', async () => {
  const { pki, port } = shared.server;
  const asking = kubeletAsked();
  const request = httpsRequest({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: await readFile(pki.caFile),
    path: `${pods}/p/log?follow=true&tailLines=4`,
    headers: { authorization: 'Bearer abc' },
  });
  request.on('error', () => undefined).end();
  const [, output] = await asking;
  output.write('first\n');
  const gone = once(output, 'close');
  await once(request, 'response');
  request.destroy();
  await gone;
  await isRecorded('tailLines=4', ['RequestReceived', 'ResponseStarted 200', 'ResponseComplete 200']);
});

test('a client that goes without a word ends its log, also at its kubelet', async () => {
  const { client, output } = await openLog('first\n');
  const gone = once(output, 'close');
  client.terminate();
  await gone;
  assert.equal(output.writableFinished, false);
  await until(async () => (await running()) === '0', 'it has ended');
});

test('a client that does not read stops its kubelet, and misses nothing', async () => {
  const piece = Buffer.alloc(1 << 20, 'x');
  const pieces = 64;
  const { client, output } = await openLog('');
  // More altogether than all buffers in between hold.
  let written = 0;
  const pumped = (async (): Promise<void> => {
    for (; written < pieces; written++) if (!output.write(piece)) await once(output, 'drain');
    output.end();
  })();
  let [before, same] = [-1, 0];
  await until(() => {
    same = written === before ? same + 1 : 0;
    before = written;
    return same > 20;
  }, 'nothing moves any more');
  assert.ok(written < pieces, 'the kubelet has not been stopped');
  const { messages, end } = listen(client);
  assert.equal(await end, 1000);
  await pumped;
  const size = messages.reduce((sum, { length }) => sum + length, 0);
  assert.equal(size, pieces * piece.length);
});

test('a log that its kubelet breaks off ends like others, over HTTP and over a WebSocket', async () => {
  const { client, output } = await openLog('half a li');
  const { messages, end } = listen(client);
  await until(() => Buffer.concat(messages).length > 0, 'the beginning has come');
  output.destroy();
  assert.equal(await end, 1000);
  assert.equal(Buffer.concat(messages).toString(), 'half a li');
  const asking = kubeletAsked();
  const answer = shared.server.request('GET', `${pods}/p/log`);
  const [, plain] = await asking;
  plain.writeHead(200, { 'content-type': 'text/plain' });
  await new Promise((resolve) => plain.write('half a li', resolve));
  plain.destroy();
  const { status, body } = await answer;
  assert.deepEqual([status, body.toString()], [200, 'half a li']);
});

test('a server that stops ends its logs', async () => {
  const { client } = await openLog('first\n');
  const ended = closed(client);
  await shared.server.stop();
  assert.equal(await ended, 1006);
});
