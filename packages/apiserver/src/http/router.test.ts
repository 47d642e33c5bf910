import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { serviceUnavailable, StatusError, unauthorized } from '@timonier/api/statuses';
import type { User } from '../pipeline/authenticate.ts';
import type { HttpRequest, HttpResponse } from './exchange.ts';
import { Router, type RouterOptions } from './router.ts';

test('a request that cannot be answered is ended', async () => {
  let ended = 0;
  const cannot = (): never => {
    throw new RangeError('Invalid status code: 1000');
  };
  const response: HttpResponse = {
    headersSent: false,
    writableEnded: false,
    answer: cannot,
    writeHead: cannot,
    flushHeaders: cannot,
    write: cannot,
    drained: () => Promise.resolve(),
    end: cannot,
    destroy: () => ended++,
    onClose: () => undefined,
  };
  const request = { method: 'GET', url: '/nowhere', headers: {}, rawHeaders: [] } as unknown as HttpRequest;
  const router = new Router({
    server: {
      metrics: {
        requests: { inFlight: { readOnly: 0, mutating: 0 } },
        identity: { authentication: { observe: () => undefined } },
      },
      log: { debug: () => undefined },
    },
    authenticator: {
      authenticate: () => {
        throw new StatusError(unauthorized());
      },
    },
    aggregator: { remoteFor: () => undefined },
    maxLongRunning: 10,
  } as unknown as RouterOptions);
  await router.serve(request, response, performance.now());
  assert.equal(ended, 1);
});

interface Far {
  readonly router: Router;
  /** What befell requests, in turn. */
  readonly events: string[];
}

/** A router that learns from its store of the secondary server of a group. */
function routerOfFar(maxLongRunning: number, user: User, decide: () => object): Far {
  const events: string[] = [];
  let isKnown = false;
  const nothing = { observe: () => undefined };
  const router = new Router({
    server: {
      registry: { lookup: () => undefined },
      reads: {
        fresh: () => {
          isKnown = true;
          return Promise.resolve();
        },
      },
      authorizer: { decide: () => ({ verdict: 'allow', reason: '' }) },
      metrics: {
        requests: { inFlight: { readOnly: 0, mutating: 0 }, refused: () => undefined },
        identity: { authentication: nothing, authorization: nothing },
      },
      log: { debug: () => undefined, error: () => undefined },
    },
    authenticator: {
      authenticate: () => {
        events.push('authenticated');
        return user;
      },
      ignoresToken: () => false,
      isIdentity: () => false,
      certificateEnd: () => undefined,
    },
    aggregator: {
      remoteFor: () => (isKnown ? { name: 'v1.far.example' } : undefined),
      checkAvailable: ({ name }: { name: string }) => {
        events.push(name);
        throw new StatusError(serviceUnavailable('it is far'));
      },
    },
    limiter: {
      kind: 'fair',
      control: {
        admit: () => ({ flow: { uid: '', level: { config: { uid: '' } } }, ...decide() }),
      },
    },
    maxLongRunning,
  } as unknown as RouterOptions);
  return { router, events };
}

/** What a client is told that asks to switch protocols. */
async function upgraded(router: Router, url: string): Promise<string> {
  const headers = { connection: 'Upgrade', upgrade: 'websocket' };
  const request = { method: 'GET', url, headers, rawHeaders: [] };
  const socket = new PassThrough();
  await router.serveUpgrade(request as unknown as IncomingMessage, socket, Buffer.alloc(0));
  const told = String(socket.read() ?? '');
  socket.destroy();
  return told;
}

const alice = { name: 'alice', groups: [] };

test('a watch over a WebSocket of a group that proves to be remote is joined, and takes a seat until then', async () => {
  let released = 0;
  const { router, events } = routerOfFar(10, alice, () => ({ release: () => released++ }));
  assert.match(await upgraded(router, '/apis/far.example/v1/things?watch=1'), /^HTTP\/1.1 503 /);
  assert.deepEqual(events, ['authenticated', 'v1.far.example']);
  assert.equal(released, 1);
});

test('a connection to a secondary server for which there is no seat is refused, and goes nowhere', async () => {
  const { router, events } = routerOfFar(10, alice, () => ({ rejected: 'queue-full', retryAfterSeconds: 3 }));
  const told = await upgraded(router, '/apis/far.example/v1/things/a/console');
  assert.match(told, /^HTTP\/1.1 429 [\s\S]*retry-after: 3/);
  assert.deepEqual(events, ['authenticated']);
});

test('where nothing more may last long somebody is refused when it is known who they are, and an administrator is not', async () => {
  const url = '/apis/far.example/v1/things?watch=1';
  const release = (): object => ({ release: () => undefined });
  const full = routerOfFar(0, alice, release);
  assert.match(await upgraded(full.router, url), /^HTTP\/1.1 429 /);
  assert.deepEqual(full.events, ['authenticated']);
  const { router } = routerOfFar(1, { name: 'admin', groups: ['system:masters'] }, release);
  assert.match(await upgraded(router, url), /^HTTP\/1.1 503 /);
});
