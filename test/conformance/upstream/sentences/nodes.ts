/** Nodes: how they come in, what they are given, and what becomes of their pods when they are lost. */
import { createClient } from '@timonier/client';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '../../../acceptance/wait.ts';
import { pod } from '../manifests.ts';
import { isTrue, type Json, type Sentence } from '../world.ts';

/** Sentences take these nodes for themselves: nothing else runs there. */
export const ownNodes = ['lost-1', 'silent-1', 'crowded-1', 'drained-1', 'drained-2'] as const;

const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

export function dedicated(name: string) {
  return {
    labels: { pool: name },
    taints: [{ key: 'dedicated', value: name, effect: 'NoSchedule' }],
  } as const;
}

/** For pods that go to a dedicated node. */
export function onDedicated(name: string, tolerations: readonly object[] = []) {
  return {
    nodeSelector: { pool: name },
    tolerations: [{ key: 'dedicated', operator: 'Equal', value: name, effect: 'NoSchedule' }, ...tolerations],
  };
}

const leavesAfter = (tolerationSeconds: number): readonly object[] =>
  ['not-ready', 'unreachable'].map((name) => ({
    key: `node.kubernetes.io/${name}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds,
  }));

export const nodeSentences: readonly Sentence[] = [
  {
    name: 'a node that comes in loses its first taint, and gets a range of addresses',
    run: async (world) => {
      for (const name of world.kubelets.names) {
        const node = await world.shows(
          `/api/v1/nodes/${name}`,
          `${name} has both`,
          ({ spec }) =>
            spec.podCIDR !== undefined &&
            !(spec.taints ?? []).some(({ key }: Json) => key === 'node.kubernetes.io/not-ready'),
        );
        expect(/^10\.244\.\d+\.0\/24$/.test(node.spec.podCIDR), node.spec.podCIDR);
      }
    },
  },
  {
    name: 'a silent node is unknown, tainted, and loses the pods that do not tolerate that',
    run: async (world, namespace) => {
      await world.kubelets.add('silent-1', dedicated('silent-1'));
      const pods = `/api/v1/namespaces/${namespace}/pods`;
      await world.create(pods, pod('leaves', { spec: onDedicated('silent-1', leavesAfter(1)) }));
      await world.create(
        pods,
        pod('stays', {
          spec: onDedicated('silent-1', [{ operator: 'Exists', effect: 'NoExecute' }]),
        }),
      );
      for (const name of ['leaves', 'stays'])
        await world.shows(`${pods}/${name}`, 'it runs', (json) => isTrue(json, 'Ready'));
      await world.kubelets.lose('silent-1');
      const node = await world.shows('/api/v1/nodes/silent-1', 'it is tainted', ({ spec }) =>
        spec.taints?.some(
          (one: Json) => one.key === 'node.kubernetes.io/unreachable' && one.effect === 'NoExecute',
        ),
      );
      expect(isTrue(node, 'Ready', 'Unknown'), 'its condition is unknown');
      await world.shows(
        `${pods}/leaves`,
        'the pod is to go',
        ({ metadata, status }) =>
          metadata.deletionTimestamp !== undefined &&
          status.conditions.some(
            (one: Json) => one.type === 'DisruptionTarget' && one.reason === 'DeletionByTaintManager',
          ),
      );
      const stays = await world.shows(`${pods}/stays`, 'the other is not ready', (json) =>
        isTrue(json, 'Ready', 'False'),
      );
      expect(stays.metadata.deletionTimestamp === undefined, 'it stays');
      await world.remove('/api/v1/nodes/silent-1');
      // Its pods go with the node, after a while.
      await world.gone(`${pods}/stays`, 180_000);
      await world.gone(`${pods}/leaves`, 60_000);
    },
  },
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
];
