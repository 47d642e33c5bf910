import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createAuthority, createCertificate } from '@timonier/pki';
import { withPki } from '../testing/bare-server.ts';
import { NodeProxy } from './node-proxy.ts';

test('a kubelet whose certificate is from nobody known is asked only by who does not mind', async (t) => {
  const authority = createAuthority('another', 1);
  const known = createAuthority('known', 1);
  const { certificate, key } = createCertificate(
    { commonName: 'kubelet', usages: ['server'], hosts: ['127.0.0.1'], validDays: 1 },
    authority,
  );
  let asked = 0;
  const kubelet = createServer({ cert: certificate, key }, (_, response) => {
    asked++;
    response.end('its log\n');
  });
  await new Promise<void>((resolve) => kubelet.listen(0, '127.0.0.1', resolve));
  t.after(() => kubelet.close());
  const nodes = new NodeProxy({ ca: Buffer.from(known.certificate) });
  const node = { host: '127.0.0.1', port: (kubelet.address() as AddressInfo).port };
  const ask = async (isFromAnybody: boolean): Promise<string> => {
    const wanted = { resource: 'pods/log', name: 'p', isFromAnybody };
    const answer = await nodes.get(node, '/containerLogs/a/p/c', new AbortController().signal, wanted);
    return Buffer.concat((await answer.toArray()) as Buffer[]).toString();
  };
  await assert.rejects(ask(false), { name: 'StatusError', code: 500 });
  assert.equal(asked, 0);
  assert.equal(await ask(true), 'its log\n');
});

test('a kubelet that has nothing to say for long is waited for, as long as somebody reads the log', async (t) => {
  const { pki, ca } = await withPki(t);
  const { certificateFile, keyFile } = pki.files('apiserver');
  const [cert, key] = await Promise.all([readFile(certificateFile), readFile(keyFile)]);
  const kubelet = createServer({ cert, key });
  await once(kubelet.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    kubelet.closeAllConnections();
    kubelet.close();
  });
  const node = { host: '127.0.0.1', port: (kubelet.address() as AddressInfo).port };
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const wanted = { resource: 'pods/log', name: 'p', isFromAnybody: false };
  const reader = new AbortController();
  const log = new NodeProxy({ ca }).get(
    node,
    '/containerLogs/default/p/c?follow=true',
    reader.signal,
    wanted,
  );
  const [, response] = (await once(kubelet, 'request')) as [IncomingMessage, ServerResponse];
  t.mock.timers.tick(3_600_000);
  response.end('a word at last');
  let text = '';
  for await (const piece of await log) text += String(piece);
  assert.equal(text, 'a word at last');
  const other = new NodeProxy({ ca }).get(
    node,
    '/containerLogs/default/p/c?follow=true',
    reader.signal,
    wanted,
  );
  const [asked] = (await once(kubelet, 'request')) as [IncomingMessage];
  const closed = new Promise((resolve) => asked.on('error', () => undefined).once('close', resolve));
  reader.abort();
  await assert.rejects(other, /error dialing kubelet/);
  await closed;
});
