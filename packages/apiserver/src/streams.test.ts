import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { acceptStreams } from '@timonier/streaming';
import { containerOf } from './subresources/placed-pod.ts';
import { connectPath } from './subresources/streams.ts';
import { startApiServer, type TestServer, until } from './testing/harness.ts';
import { kubectlFor } from './testing/kubectl.ts';
import { placePod, startKubelet } from './testing/kubelet.ts';
import { startEtcd } from './testing/real-etcd.ts';
import type { Pod } from '@timonier/api';

/** An administrator's request for a WebSocket, on its way. */
async function webSocketRequest(
  { pki, port }: TestServer,
  method: string,
  path: string,
  headers: Readonly<Record<string, string | string[]>>,
): Promise<ClientRequest> {
  const files = pki.files('admin');
  const request = httpsRequest({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: await readFile(pki.caFile),
    cert: await readFile(files.certificateFile),
    key: await readFile(files.keyFile),
    method,
    path,
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
    },
  });
  return request.end();
}

/** A kubelet with logs, and an exec that echoes its input. */
async function startEcho(
  t: TestContext,
  server: TestServer,
): Promise<{ port: number; paths: string[]; protocols: string[] }> {
  const paths: string[] = [];
  const protocols: string[] = [];
  const { server: kubelet, port } = await startKubelet(t, server, (request, response) => {
    paths.push(request.url ?? '');
    if (!(request.url ?? '').startsWith('/containerLogs/')) {
      response.writeHead(404).end('nothing here\n');
      return;
    }
    response.write('line one\n');
    response.end('line two\n');
  });
  kubelet.on('upgrade', (request, socket, head) => {
    paths.push(request.url ?? '');
    protocols.push(request.headers['sec-websocket-protocol'] ?? '');
    if ((request.url ?? '').includes('command=refuse')) {
      socket.end(
        'HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n\r\nrefused\n',
      );
      return;
    }
    void acceptStreams(request, socket, head).then(async (streams) => {
      for await (const chunk of streams.stdin) streams.stdout.write(chunk);
      streams.stdout.write('done\n');
      await streams.finish({ exitCode: 3 });
    });
  });
  return { port, paths, protocols };
}

test('kubectl logs and exec reach the kubelet of the pod through the API server', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const { port, paths } = await startEcho(t, server);
  await placePod(server, port);
  const kubectl = await kubectlFor(t, 'v35', server.kubeconfig);
  const logs = await kubectl(['logs', 'p', '--tail=5']);
  assert.equal(logs.stdout, 'line one\nline two\n', logs.stderr);
  assert.match(paths[0] ?? '', /^\/containerLogs\/default\/p\/main\?tailLines=5$/);
  const echoed = await kubectl(['exec', '-i', 'p', '--', 'cat', 'a b'], 'hello\n');
  assert.equal(echoed.stdout, 'hello\ndone\n', echoed.stderr);
  assert.equal(echoed.code, 3);
  assert.match(
    paths[1] ?? '',
    /^\/exec\/default\/p\/main\?input=1&output=1&error=1&command=cat&command=a\+b$/,
  );
  const refused = await kubectl(['exec', 'p', '--', 'refuse']);
  assert.notEqual(refused.code, 0);
});

test('who may only read runs nothing, and a pod that is nowhere has no logs yet', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const pods = '/api/v1/namespaces/default/pods';
  const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
  const made = async (path: string, body: object): Promise<void> => {
    const answer = await server.request('POST', path, body);
    assert.equal(answer.status, 201, answer.body.toString());
  };
  await made(pods, { metadata: { name: 'p' }, spec: { containers: [{ name: 'main', image: 'demo' }] } });
  const streams = ['pods/exec', 'pods/attach', 'pods/portforward', 'pods/log'];
  for (const verb of ['get', 'create']) {
    await made(`${roles}/roles`, {
      metadata: { name: verb },
      rules: [{ apiGroups: [''], resources: streams, verbs: [verb] }],
    });
    await made(`${roles}/rolebindings`, {
      metadata: { name: verb },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: verb },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: `may-${verb}` }],
    });
  }
  await server.caughtUp();
  const upgrade = async (method: string, path: string, groups: string[]): Promise<string> => {
    const request = await webSocketRequest(server, method, path, {
      'impersonate-user': 'somebody',
      'impersonate-group': groups,
    });
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of answer) text += String(chunk);
    return `${answer.statusCode} ${(JSON.parse(text) as { message: string }).message}`;
  };
  const nowhere = '400 pod p does not have a host assigned';
  for (const path of ['exec?command=ls', 'attach', 'portforward?ports=80']) {
    const whole = `${pods}/p/${path}`;
    assert.equal(await upgrade('GET', whole, ['may-get']), '403 pods "p" is forbidden: ', path);
    assert.equal(await upgrade('GET', whole, ['may-get', 'may-create']), nowhere, path);
    assert.equal(await upgrade('POST', whole, ['may-create']), nowhere, path);
  }
  const logs = await server.request('GET', `${pods}/p/log`);
  assert.deepEqual([logs.status, logs.body.toString()], [204, '']);
  assert.equal(logs.headers['cache-control'], 'no-cache, private');
  assert.equal((await server.request('GET', `${pods}/p/log?container=other`)).status, 400);
});

test('a connection that switched protocols counts among long requests while it lasts, and among no others', async (t) => {
  const { endpoint } = await startEtcd(t);
  const server = await startApiServer(t, { endpoint });
  const { port, protocols } = await startEcho(t, server);
  await placePod(server, port);
  const lines = async (name: string, has = ''): Promise<string[]> =>
    (await server.metrics.metrics())
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) && line.includes(has))
      .map((line) => line.slice(line.lastIndexOf(' ') + 1));
  const running = (): Promise<string[]> => lines('apiserver_longrunning_requests', 'subresource="exec"');
  const ended = (): Promise<string[]> => lines('apiserver_request_total', 'subresource="exec"');
  const open = async (): Promise<Duplex> => {
    const path = '/api/v1/namespaces/default/pods/p/exec?command=cat&stdin=true&stdout=true';
    const request = await webSocketRequest(server, 'GET', path, {
      'sec-websocket-protocol': 'base64url.bearer.authorization.k8s.io.YWJj, v5.channel.k8s.io',
    });
    const socket = await new Promise<Duplex>((resolve, reject) => {
      request.once('upgrade', (_, joined) => resolve(joined));
      request.once('response', (answer) => {
        answer.resume();
        reject(new Error(`it was answered ${answer.statusCode}`));
      });
      request.once('error', reject);
    });
    socket.on('error', () => undefined);
    return socket;
  };
  const first = await open();
  const second = await open();
  await until(async () => (await running())[0] === '2', 'both are counted');
  await until(
    async () => (await lines('apiserver_current_inflight_requests')).every((count) => count === '0'),
    'nothing else is under way',
  );
  assert.deepEqual(await ended(), []);
  // What a client says about itself is not for the kubelet.
  assert.deepEqual(protocols, ['v5.channel.k8s.io', 'v5.channel.k8s.io']);
  first.destroy();
  await until(async () => (await running())[0] === '1', 'the first has ended');
  assert.deepEqual(await ended(), ['1']);
  second.destroy();
  await until(async () => (await running())[0] === '0', 'the second has ended');
});

test('the container of a stream is the one named, the annotated one or the only one', () => {
  const pod = {
    metadata: { name: 'p', namespace: 'n' },
    spec: { containers: [{ name: 'a' }, { name: 'b' }] },
  } as Pod;
  assert.throws(() => containerOf(pod, ''), /choose one of: \[a b\]/);
  assert.throws(() => containerOf(pod, 'c'), /container c is not valid for pod p/);
  assert.equal(containerOf(pod, 'b'), 'b');
  pod.metadata = { ...pod.metadata, annotations: { 'kubectl.kubernetes.io/default-container': 'a' } };
  assert.equal(containerOf(pod, ''), 'a');
  assert.equal(connectPath(pod, 'portforward', new URLSearchParams('ports=80')), '/portForward/n/p?port=80');
  assert.throws(() => connectPath(pod, 'exec', new URLSearchParams()), /at least 1 command/);
});
