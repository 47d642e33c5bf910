import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { serviceUnavailable, StatusError } from '@timonier/api/statuses';
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
  const request = {
    method: 'GET',
    url: '/debug/pprof/profile',
    headers: {},
    rawHeaders: [],
  } as unknown as HttpRequest;
  // Refused before anything else is looked at, since none may run for long.
  const router = new Router({
    server: {
      metrics: { requests: { inFlight: { readOnly: 0, mutating: 0 }, refused: () => undefined } },
      log: { debug: () => undefined },
    },
    aggregator: { remoteFor: () => undefined },
    maxLongRunning: 0,
  } as unknown as RouterOptions);
  await router.serve(request, response, performance.now());
  assert.equal(ended, 1);
});

test('a watch over a WebSocket of a group that proves to be remote is joined, and is no watch of this server', async () => {
  let isKnown = false;
  const checked: string[] = [];
  let admitted = 0;
  const observe = {
    authentication: { observe: () => undefined },
    authorization: { observe: () => undefined },
  };
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
      metrics: { requests: { inFlight: { readOnly: 0, mutating: 0 } }, identity: observe },
      log: { debug: () => undefined, error: () => undefined },
    },
    authenticator: {
      authenticate: () => ({ name: 'alice', groups: [] }),
      ignoresToken: () => false,
      certificateEnd: () => undefined,
    },
    aggregator: {
      remoteFor: () => (isKnown ? { name: 'v1.far.example' } : undefined),
      checkAvailable: ({ name }: { name: string }) => {
        checked.push(name);
        throw new StatusError(serviceUnavailable('it is far'));
      },
    },
    limiter: { kind: 'fair', control: { admit: () => admitted++ } },
    maxLongRunning: 10,
  } as unknown as RouterOptions);
  const headers = { connection: 'Upgrade', upgrade: 'websocket' };
  const request = { method: 'GET', url: '/apis/far.example/v1/things?watch=1', headers, rawHeaders: [] };
  const socket = new PassThrough();
  await router.serveUpgrade(request as unknown as IncomingMessage, socket, Buffer.alloc(0));
  socket.destroy();
  assert.deepEqual(checked, ['v1.far.example']);
  assert.equal(admitted, 0);
});
