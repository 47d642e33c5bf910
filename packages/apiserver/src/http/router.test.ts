import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  // Refused before anything else is looked at, since none may run for long.
  const router = new Router({
    server: {
      metrics: { requests: { inFlight: { readOnly: 0, mutating: 0 } } },
      log: { debug: () => undefined },
    },
    aggregator: { remoteFor: () => undefined },
    maxLongRunning: -1,
  } as unknown as RouterOptions);
  await router.serve(request, response, performance.now());
  assert.equal(ended, 1);
});
