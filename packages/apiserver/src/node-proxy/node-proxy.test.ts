import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createAuthority, createCertificate } from '@timonier/pki';
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
