import { type CertificateSigningRequest, resources, type SubjectAccessReview } from '@timonier/api';
import { createAuthority } from '@timonier/pki';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { startCertificateApprover } from '../csrapproving/controller.ts';
import { candidatesOf } from '../csrapproving/decide.ts';
import { startCertificateCleaner } from '../csrcleaner/controller.ts';
import { removedInMs } from '../csrcleaner/decide.ts';
import { startCertificateSigner } from '../csrsigning/controller.ts';
import { decide, type SigningDecision } from '../csrsigning/decide.ts';
import { inLoopWorld } from '../memory-loop.ts';
import { contentOf, kubeletClientProblem, kubeletServingProblem, signers } from './request.ts';

const never = new AbortController().signal;
const now = Date.parse('2026-01-02T00:00:00Z');
const hourMs = 3_600_000;
const kubelet = ['digital signature', 'client auth'];

function pemOf(subject: string, names = ''): string {
  const more = names === '' ? [] : ['-addext', `subjectAltName=${names}`];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
  return execFileSync('openssl', ['req', '-new', ...key, '-subj', subject, ...more], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

const node = pemOf('/O=system:nodes/CN=system:node:a');

function requestFor(
  pem: string,
  spec: Partial<CertificateSigningRequest['spec']> = {},
  status: CertificateSigningRequest['status'] = {},
): CertificateSigningRequest {
  return {
    metadata: { name: 'r', creationTimestamp: '2026-01-01T12:00:00Z' },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: signers.kubeletClient,
      usages: kubelet,
      username: 'system:bootstrap:abcdef',
      ...spec,
    },
    status,
  } as CertificateSigningRequest;
}

const condition = (type: string, lastUpdateTime = '2026-01-01T23:30:00Z') => ({
  type,
  status: 'True',
  lastUpdateTime,
});
const approved = { conditions: [condition('Approved')] };

test('a request is one of a kubelet by its subject, its names and its usages', () => {
  const problems = (subject: string, names: string, usages: readonly string[]): readonly unknown[] => {
    const content = contentOf(requestFor(pemOf(subject, names)));
    return [kubeletClientProblem(content, usages), kubeletServingProblem(content, usages)];
  };
  const name = '/O=system:nodes/CN=system:node:a';
  const serving = ['digital signature', 'key encipherment', 'server auth'];
  const wrongFor = (purpose: string): string =>
    `usages did not match [${['digital signature', 'key encipherment', purpose].toSorted().join(' ')}]`;
  assert.deepEqual(problems(name, '', kubelet), [undefined, 'DNS or IP subjectAltName is required']);
  assert.deepEqual(problems(name, 'DNS:a', serving), ['DNS subjectAltNames are not allowed', undefined]);
  assert.deepEqual(problems(name, 'IP:192.0.2.1', serving), [
    'IP subjectAltNames are not allowed',
    undefined,
  ]);
  assert.deepEqual(problems(name, 'DNS:a,URI:x:y', serving), [
    'DNS subjectAltNames are not allowed',
    'URI subjectAltNames are not allowed',
  ]);
  assert.deepEqual(
    problems(name, 'IP:192.0.2.1,email:a@b.c', serving)[1],
    'Email subjectAltNames are not allowed',
  );
  assert.equal(problems(name, '', serving)[0], wrongFor('client auth'));
  assert.equal(problems(name, 'DNS:a', kubelet)[1], wrongFor('server auth'));
  assert.equal(problems(name, '', ['client auth'])[0], wrongFor('client auth'));
  const orgs = 'subject organization is not system:nodes';
  assert.deepEqual(problems('/O=system:masters/CN=system:node:a', '', kubelet), [orgs, orgs]);
  assert.deepEqual(problems('/O=system:nodes/O=other/CN=system:node:a', '', kubelet), [orgs, orgs]);
  assert.equal(
    problems('/O=system:nodes/CN=a', '', kubelet)[0],
    'subject common name does not begin with system:node:',
  );
});

test('a kubelet may ask for itself by less than others may ask for it', () => {
  const permissions = (request: CertificateSigningRequest): string[] =>
    candidatesOf(request).map(({ permission }) => permission);
  assert.deepEqual(permissions(requestFor(node)), ['nodeclient']);
  assert.deepEqual(permissions(requestFor(node, { username: 'system:node:a' })), [
    'selfnodeclient',
    'nodeclient',
  ]);
  assert.deepEqual(permissions(requestFor(node, { signerName: signers.client })), []);
  assert.deepEqual(permissions(requestFor(pemOf('/CN=anna'))), []);
  assert.deepEqual(permissions(requestFor(node, {}, { conditions: [condition('Denied')] })), []);
  assert.deepEqual(permissions(requestFor(node, {}, approved)), []);
});

const verdict = (
  request: CertificateSigningRequest,
  durationMs = 24 * hourMs,
  authorityEnds = now + 10_000 * hourMs,
): SigningDecision => decide({ request, now, durationMs, authorityEnds });

test('only what is approved and fits its signer is signed', () => {
  const type = (request: CertificateSigningRequest): string => verdict(request).type;
  assert.equal(type(requestFor(node)), 'nothing');
  assert.equal(type(requestFor(node, {}, approved)), 'sign');
  assert.equal(type(requestFor(node, {}, { ...approved, certificate: 'eA==' })), 'nothing');
  for (const other of ['Denied', 'Failed']) {
    const conditions = [...approved.conditions, condition(other)];
    assert.equal(type(requestFor(node, {}, { conditions })), 'nothing', other);
  }
  assert.equal(type(requestFor(node, { signerName: 'example.com/mine' }, approved)), 'nothing');
  assert.deepEqual(verdict(requestFor(node, { signerName: signers.kubeletServing }, approved)), {
    type: 'fail',
    message: 'DNS or IP subjectAltName is required',
  });
  const anna = pemOf('/CN=anna');
  const client = (usages: CertificateSigningRequest['spec']['usages'] & object): SigningDecision =>
    verdict(requestFor(anna, { signerName: signers.client, usages }, approved));
  assert.equal(client(['client auth']).type, 'sign');
  assert.deepEqual(client(['server auth', 'client auth']), {
    type: 'fail',
    message: 'invalid usage for client certificate: server auth',
  });
  assert.deepEqual(client(['digital signature']), {
    type: 'fail',
    message: 'missing required usage for client certificate: client auth',
  });
});

test('a certificate lives as long as was asked for, at most as long as the signer and its authority say', () => {
  const lives = (
    expirationSeconds: number | undefined,
    durationMs: number,
    authorityEnds?: number,
  ): readonly number[] => {
    const spec = expirationSeconds === undefined ? {} : { expirationSeconds };
    const decision = verdict(requestFor(node, spec, approved), durationMs, authorityEnds);
    assert.ok(decision.type === 'sign');
    return [decision.notBefore, decision.notAfter].map((time) => (time - now) / 60_000);
  };
  assert.deepEqual(lives(undefined, 24 * hourMs), [-5, 24 * 60 - 5]);
  assert.deepEqual(lives(3_600, 24 * hourMs), [-5, 60]);
  assert.deepEqual(lives(60, 24 * hourMs), [-5, 10]);
  assert.deepEqual(lives(48 * 3_600, 24 * hourMs), [-5, 24 * 60 - 5]);
  assert.deepEqual(lives(undefined, 24 * hourMs, now + hourMs), [-5, 60]);
});

test('requests are removed an hour after they are over, a day when nobody says anything', () => {
  const removed = (status: CertificateSigningRequest['status'], ends?: number): number | undefined => {
    const ms = removedInMs(requestFor(node, {}, status), ends, now);
    return ms === undefined ? undefined : ms / hourMs;
  };
  assert.equal(removed({}), 12);
  assert.equal(removed({ conditions: [condition('Denied')] }), 0.5);
  assert.equal(removed({ conditions: [condition('Failed', '2026-01-01T00:00:00Z')] }), 0);
  assert.equal(removed(approved), undefined);
  assert.equal(removed({ ...approved, certificate: 'eA==' }, now + 50 * hourMs), 0.5);
  assert.equal(removed({ ...approved, certificate: 'eA==' }, now - 1), 0);
});

test('what a kubelet asks for is approved, signed and removed in the end', async () => {
  const authority = createAuthority('test-ca', 36_500);
  const signing = { ...authority, durationMs: hourMs };
  await inLoopWorld(
    { signing },
    (api) => {
      api.put(resources.certificatesigningrequests, requestFor(node));
      // Whoever asks may: the review is answered as it is stored.
      const create = api.client.create.bind(api.client);
      api.client.create = (type, object, options) =>
        type.resource === 'subjectaccessreviews'
          ? Promise.resolve({
              ...object,
              status: { allowed: isNodeClient(object as unknown as SubjectAccessReview) },
            } as never)
          : create(type, object, options);
    },
    async ({ informers, begin }) => {
      begin(startCertificateApprover);
      begin((context) => startCertificateSigner(context));
      const { certificatesigningrequests: requests } = informers;
      const certificate = (): string => requests.list()[0]?.status?.certificate ?? '';
      assert.ok(await requests.until(() => certificate() !== '', never, 30_000));
      const signed = new X509Certificate(Buffer.from(certificate(), 'base64'));
      assert.equal(signed.subject, 'O=system:nodes\nCN=system:node:a');
      assert.ok(signed.verify(new X509Certificate(authority.certificate).publicKey));
      begin((context) => startCertificateCleaner(context, () => Date.now() + 2 * hourMs));
      assert.ok(await requests.until(() => requests.list().length === 0, never, 30_000));
    },
  );
});

function isNodeClient({ spec }: SubjectAccessReview): boolean {
  return spec.resourceAttributes?.subresource === 'nodeclient' && spec.user === 'system:bootstrap:abcdef';
}
