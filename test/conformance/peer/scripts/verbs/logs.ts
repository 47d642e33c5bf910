/**
 * Logs, over HTTP and over WebSockets: one kubelet that both servers ask. The container whose log is asked for says what it
 * answers, so that it has no state.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAuthority, createCertificate } from '@timonier/pki';
import type { Call, WebSocketAsk } from '../../calls.ts';
import type { Comparison } from '../../comparison.ts';
import { namespace } from '../world.ts';

const node = 'logs';
const unchecked = 'insecureSkipTLSVerifyBackend=true';
const pods = `/api/v1/namespaces/${namespace}/pods`;

const bytes = Buffer.from([0x66, 0xff, 0x00, 0x0a]);

const answers: Readonly<Record<string, (response: ServerResponse, url: string) => void>> = {
  asked: (response, url) => send(response, 200, url.replace(/\?$/, '')),
  bytes: (response) => send(response, 200, bytes),
  nothing: (response) => send(response, 200, ''),
  // Over WebSockets Kubernetes loses what comes together with the end of a log.
  'asked-cut': (response, url) => cut(response, url),
  'bytes-cut': (response) => cut(response, bytes),
  bad: (response) => send(response, 400, 'container "bad" in pod "logs" is waiting to start'),
  forbidden: (response) => send(response, 403, 'not for you'),
  gone: (response) => send(response, 404, 'no such container'),
  moved: (response) => send(response, 302, ''),
  failing: (response) => send(response, 500, 'it is broken\n'),
  away: (response) => send(response, 503, 'not now'),
};

function cut(response: ServerResponse, body: string | Buffer): void {
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '1000' });
  response.write(body, () => response.destroy());
}

function send(response: ServerResponse, status: number, body: string | Buffer): void {
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': length }).end(body);
}

/** Neither server knows who has signed its certificate, and so each is told not to ask. */
async function startKubelet(): Promise<Server> {
  const authority = createAuthority('kubelet-ca', 2, new Date());
  const identity = createCertificate(
    { commonName: 'kubelet', usages: ['server'], hosts: ['localhost'], validDays: 1 },
    authority,
    new Date(),
  );
  const tls = { cert: identity.certificate, key: identity.key };
  const server = createServer(tls, (request: IncomingMessage, response: ServerResponse) => {
    const { url = '' } = request;
    const [, , , , container = ''] = url.split(/[/?]/);
    const answer = answers[container];
    if (answer === undefined) send(response, 418, 'nobody asks for this');
    else answer(response, url);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

export async function logs(comparison: Comparison): Promise<void> {
  const kubelet = await startKubelet();
  try {
    const { port } = kubelet.address() as AddressInfo;
    await comparison.both('a node', {
      method: 'POST',
      path: '/api/v1/nodes',
      body: {
        metadata: { name: node },
        status: {
          addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
          daemonEndpoints: { kubeletEndpoint: { Port: port } },
        },
      },
    });
    const containers = Object.keys(answers).map((name) => ({ name, image: 'demo' }));
    for (const [name, spec] of [
      ['logs', { nodeName: node, containers }],
      ['nowhere', { containers: containers.slice(0, 1) }],
      ['astray', { nodeName: 'no-node', containers: containers.slice(0, 1) }],
    ] as const)
      await comparison.both(name, { method: 'POST', path: pods, body: { metadata: { name }, spec } });
    await asked(comparison);
    for (const name of ['logs', 'nowhere', 'astray'])
      await comparison.both(`the end of ${name}`, {
        method: 'DELETE',
        path: `${pods}/${name}?gracePeriodSeconds=0`,
      });
    await comparison.both('the end of the node', { method: 'DELETE', path: `/api/v1/nodes/${node}` });
  } finally {
    kubelet.closeAllConnections();
    kubelet.close();
  }
}

async function asked(comparison: Comparison): Promise<void> {
  const plain = (query: string, pod = 'logs') => ({
    title: `${pod}?${query}`,
    call: { method: 'GET', path: `${pods}/${pod}/log?${unchecked}&${query}` } satisfies Call,
  });
  const over = (title: string, query: string, ask: Partial<WebSocketAsk> = {}, pod = 'logs') => ({
    title: `web socket: ${title}`,
    call: {
      method: 'GET',
      path: `${pods}/${pod}/log?${unchecked}&${query}`,
      webSocket: { origin: 'https://dashboard.example', protocols: ['binary.k8s.io'], whole: true, ...ask },
    } satisfies Call,
  });
  const options = [
    'follow=true',
    'follow=1',
    'follow=',
    'follow=false',
    'previous=yes&timestamps=true',
    'tailLines=10',
    'tailLines=-1',
    'tailLines=ten',
    'tailLines=',
    'limitBytes=1',
    'limitBytes=0',
    'limitBytes=9223372036854775808',
    'sinceSeconds=5',
    'sinceSeconds=0',
    'sinceTime=2026-01-02T03%3A04%3A05Z',
    'sinceTime=2026-01-02T03%3A04%3A05.678%2B02%3A00',
    'sinceTime=',
    'sinceTime=null',
    'sinceTime=yesterday',
    'sinceSeconds=5&sinceTime=2026-01-02T03%3A04%3A05Z',
    'stream=All&tailLines=1',
    'stream=Stdout',
    'limitBytes=0&tailLines=-5',
    'unknown=1',
  ];
  const kubelets = ['bytes', 'nothing', 'bytes-cut', 'bad', 'forbidden', 'gone', 'moved', 'failing', 'away'];
  await comparison.all([
    ...options.map((option) => plain(`container=asked&${option}`)),
    ...kubelets.map((name) => plain(`container=${name}`)),
    plain('container=none'),
    plain(''),
    plain('', 'nowhere'),
    plain('container=none', 'nowhere'),
    plain('', 'astray'),
    plain('', 'missing'),
    ...['POST', 'PUT', 'DELETE'].map((method) => ({
      title: method,
      call: { method, path: `${pods}/logs/log`, body: {} },
    })),
    ...kubelets.map((name) => over(name, `container=${name}`)),
    over('what is asked for', 'container=asked-cut&follow=true&tailLines=3'),
    over('base64', 'container=bytes-cut', { protocols: ['base64.binary.k8s.io'] }),
    over('two subprotocols', 'container=bytes-cut', { protocols: ['base64.binary.k8s.io', 'binary.k8s.io'] }),
    over('an unknown one first', 'container=bytes-cut', { protocols: ['channel.k8s.io', 'binary.k8s.io'] }),
    over('unknown ones', 'container=bytes-cut', { protocols: ['channel.k8s.io', 'other'] }),
    over('no subprotocol', 'container=bytes-cut', { protocols: [] }),
    over('no origin', 'container=bytes-cut', { origin: '' }),
    over('a wrong option', 'container=asked&tailLines=-1'),
    over('no container', ''),
    over('a pod that is nowhere', '', {}, 'nowhere'),
    over('a pod on no node', '', {}, 'astray'),
    over('no pod', '', {}, 'missing'),
  ]);
}
