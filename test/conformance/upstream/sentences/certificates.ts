/** Certificates for those who ask: who approves, who signs, and what is refused. */
import { createClient } from '@timonier/client';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '../../../acceptance/wait.ts';
import { isTrue, type Json, type Sentence } from '../world.ts';

const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

export const certificates: readonly Sentence[] = [
  {
    name: 'the certificate that a kubelet asks for is approved and signed, and is a node’s',
    run: async (world, namespace) => {
      const folder = await mkdtemp(join(tmpdir(), 'timonier-upstream-'));
      try {
        const key = join(folder, 'key.pem');
        const openssl = (...args: string[]): Buffer =>
          execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
        openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key);
        const name = `node-of-${namespace}`;
        const csr = openssl('req', '-new', '-key', key, '-subj', `/O=system:nodes/CN=system:node:${name}`);
        // As kubeadm lets those who have a bootstrap token ask: here it is the administrator's group.
        const bindings = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
        await world.create(bindings, {
          metadata: { name: namespace },
          roleRef: {
            apiGroup: 'rbac.authorization.k8s.io',
            kind: 'ClusterRole',
            name: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
          },
          subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'kubernetes-admin' }],
        });
        await world.create(requests, {
          metadata: { name: namespace },
          spec: {
            request: csr.toString('base64'),
            signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
            usages: ['digital signature', 'client auth'],
            expirationSeconds: 3_600,
          },
        });
        const signed = await world.shows(
          `${requests}/${namespace}`,
          'it is signed',
          ({ status }) => status.certificate !== undefined,
        );
        expect(
          signed.status.conditions[0].reason === 'AutoApproved',
          JSON.stringify(signed.status.conditions),
        );
        const cert = Buffer.from(signed.status.certificate, 'base64');
        const { subject, validTo } = new X509Certificate(cert);
        expect(subject === `O=system:nodes\nCN=system:node:${name}`, subject);
        expect(Date.parse(validTo) - Date.now() < 3_700_000, validTo);
        const node = createClient({
          servers: [world.plane.url],
          ca: readFileSync(world.plane.pki.caFile),
          cert,
          key: readFileSync(key),
        });
        try {
          await world.ask(201, 'POST', '/api/v1/nodes', { metadata: { name } }, node);
          await world.ask(403, 'POST', '/api/v1/nodes', { metadata: { name: `${name}-2` } }, node);
        } finally {
          await node.close();
        }
        await world.remove(`/api/v1/nodes/${name}`);
        await world.remove(`${requests}/${namespace}`);
        await world.remove(`${bindings}/${namespace}`);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  },
  {
    name: 'a certificate for a client of the API is signed when somebody has approved it, and not before',
    run: async (world, namespace) => {
      const folder = await mkdtemp(join(tmpdir(), 'timonier-upstream-'));
      try {
        const csr = execFileSync(
          'openssl',
          [
            'req',
            '-new',
            '-newkey',
            'rsa:2048',
            '-nodes',
            '-keyout',
            join(folder, 'key.pem'),
            '-subj',
            '/CN=anna',
          ],
          { stdio: ['ignore', 'pipe', 'ignore'] },
        );
        await world.create(requests, {
          metadata: { name: namespace },
          spec: {
            request: csr.toString('base64'),
            signerName: 'kubernetes.io/kube-apiserver-client',
            usages: ['client auth'],
          },
        });
        const asked = await world.get(`${requests}/${namespace}`);
        expect(asked.status?.certificate === undefined, 'it is not signed by itself');
        asked.status = {
          conditions: [{ type: 'Approved', status: 'True', reason: 'ByHand', message: 'seen' }],
        };
        await world.ask(200, 'PUT', `${requests}/${namespace}/approval`, asked);
        const { status } = await world.shows(
          `${requests}/${namespace}`,
          'it is signed',
          (json) => json.status.certificate !== undefined,
        );
        expect(
          new X509Certificate(Buffer.from(status.certificate, 'base64')).subject === 'CN=anna',
          'it is hers',
        );
        await world.remove(`${requests}/${namespace}`);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  },
  {
    name: 'an approved request that does not fit its signer fails, and one for the names of a kubelet is signed with them',
    run: async (world, namespace) => {
      const request = (names: string): string =>
        execFileSync(
          'openssl',
          [
            'req',
            '-new',
            '-newkey',
            'rsa:2048',
            '-nodes',
            '-keyout',
            '/dev/null',
            '-subj',
            '/O=system:nodes/CN=system:node:served',
            ...(names === '' ? [] : ['-addext', `subjectAltName=${names}`]),
          ],
          { stdio: ['ignore', 'pipe', 'ignore'] },
        ).toString('base64');
      const ask = async (name: string, names: string): Promise<string> => {
        const path = `${requests}/${name}`;
        await world.create(requests, {
          metadata: { name },
          spec: {
            request: request(names),
            signerName: 'kubernetes.io/kubelet-serving',
            usages: ['digital signature', 'server auth'],
          },
        });
        const asked = await world.get(path);
        const condition = { type: 'Approved', status: 'True', reason: 'ByHand', message: 'seen' };
        asked.status = { conditions: [condition] };
        await world.ask(200, 'PUT', `${path}/approval`, asked);
        return path;
      };
      const nameless = await ask(`${namespace}-nameless`, '');
      const { status } = await world.shows(nameless, 'it has failed', (json) => isTrue(json, 'Failed'));
      const failure = status.conditions.find(({ type }: Json) => type === 'Failed');
      expect(
        failure.reason === 'SignerValidationFailure' &&
          failure.message === 'DNS or IP subjectAltName is required' &&
          status.certificate === undefined,
        JSON.stringify(status),
      );
      const named = await ask(`${namespace}-named`, 'DNS:served,IP:192.0.2.9');
      const signed = await world.shows(
        named,
        'it is signed',
        (json) => json.status.certificate !== undefined,
      );
      const certificate = new X509Certificate(Buffer.from(signed.status.certificate, 'base64'));
      expect(
        certificate.subjectAltName === 'DNS:served, IP Address:192.0.2.9' && !certificate.ca,
        certificate.toString(),
      );
      for (const path of [nameless, named]) await world.remove(path);
    },
  },
];
