/** Tokens of accounts for audiences, times and objects; and requests for certificates with what is said of them. */
import { examples } from '../../../../../packages/api/src/testing/examples.ts';
import type { Comparison, Side, SidedCall } from '../../comparison.ts';
import { core, get, inTurn, patch, pod, post, put } from './world.ts';

type Json = Record<string, unknown>;

export async function requests(comparison: Comparison): Promise<void> {
  await tokens(comparison);
  await certificates(comparison);
}

async function tokens(comparison: Comparison): Promise<void> {
  const accounts = `${core}/serviceaccounts`;
  await comparison.both('an account', post(accounts, { metadata: { name: 'asker' } }));
  await comparison.both(
    'a pod',
    post(`${core}/pods`, pod('asker', { serviceAccountName: 'asker', nodeName: 'asked' })),
  );
  await comparison.both('a pod of another', post(`${core}/pods`, pod('stranger')));
  await comparison.both('a secret', post(`${core}/secrets`, { metadata: { name: 'asker' } }));
  await comparison.both('a node', post('/api/v1/nodes', { metadata: { name: 'asked' } }));
  const ask = (spec: unknown, more: Json = {}, query = ''): SidedCall =>
    post(`${accounts}/asker/token${query}`, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec,
      ...more,
    });
  const bound =
    (ref: Json, from?: string): SidedCall =>
    (side: Side) =>
      post(`${accounts}/asker/token`, {
        spec: {
          boundObjectRef: { ...ref, ...(from === undefined ? {} : { uid: side.saw(from)?.metadata?.uid }) },
        },
      });
  await inTurn(comparison, {
    'a token for nobody': ask({ audiences: [] }),
    'a token for one': ask({ audiences: ['vault'] }),
    'a token for several': ask({ audiences: ['vault', 'api', 'vault'] }),
    'a token for an empty audience': ask({ audiences: [''] }),
    'a token of an hour': ask({ expirationSeconds: 3600 }),
    'a token of ten minutes': ask({ expirationSeconds: 600 }),
    'a token of less': ask({ expirationSeconds: 599 }),
    'a token of nothing': ask({ expirationSeconds: 0 }),
    'a token of less than nothing': ask({ expirationSeconds: -1 }),
    'a token of ages': ask({ expirationSeconds: 4_294_967_296 }),
    'a token of more': ask({ expirationSeconds: 4_294_967_297 }),
    'a token of text': ask({ expirationSeconds: 'x' }),
    'a token without a spec': ask(undefined),
    'a token with a name': ask({}, { metadata: { name: 'other' } }),
    'a token with its name': ask({}, { metadata: { name: 'asker', namespace: 'clients' } }),
    'a token with another uid': ask({}, { metadata: { uid: 'other' } }),
    'a token with another namespace': ask({}, { metadata: { namespace: 'other' } }),
    'a token with a status': ask({}, { status: { token: 'mine' } }),
    'a token of another kind': ask({}, { kind: 'TokenReview' }),
    'a token of another version': ask({}, { apiVersion: 'authentication.k8s.io/v1beta1' }),
    'a token with unknown fields': ask({ what: 1 }, {}, '?fieldValidation=Strict'),
    'a token rehearsed': ask({}, {}, '?dryRun=All'),
    'a token as YAML': {
      method: 'POST',
      path: `${accounts}/asker/token`,
      body: 'spec: {audiences: [x]}\n',
      headers: { 'content-type': 'application/yaml', accept: 'application/yaml' },
    },
    'a token of a pod': bound({ apiVersion: 'v1', kind: 'Pod', name: 'asker' }, 'a pod'),
    'a token of a pod without a uid': bound({ apiVersion: 'v1', kind: 'Pod', name: 'asker' }),
    'a token of a pod with another uid': bound({
      apiVersion: 'v1',
      kind: 'Pod',
      name: 'asker',
      uid: 'other',
    }),
    'a token of a pod of another': bound(
      { apiVersion: 'v1', kind: 'Pod', name: 'stranger' },
      'a pod of another',
    ),
    'a token of a secret': bound({ apiVersion: 'v1', kind: 'Secret', name: 'asker' }, 'a secret'),
    'a token of a secret with another uid': bound({
      apiVersion: 'v1',
      kind: 'Secret',
      name: 'asker',
      uid: 'x',
    }),
    'a token of a node': bound({ apiVersion: 'v1', kind: 'Node', name: 'asked' }, 'a node'),
    'a token of a node that is not': bound({ apiVersion: 'v1', kind: 'Node', name: 'none-such' }),
    'a token of a map': bound({ apiVersion: 'v1', kind: 'ConfigMap', name: 'x' }),
    'a token of a version that is not': bound({ apiVersion: 'v2', kind: 'Pod', name: 'asker' }),
    'a token of no version': bound({ kind: 'Pod', name: 'asker' }, 'a pod'),
    'a token of no kind': bound({ apiVersion: 'v1', name: 'asker' }),
    'a token of no name': bound({ apiVersion: 'v1', kind: 'Pod' }),
    'a token read': get(`${accounts}/asker/token`),
  });
  // What a token says of who has it.
  for (const title of ['a token of a pod', 'a token of a node', 'a token of a secret', 'a token of an hour'])
    for (const audiences of [undefined, ['vault'], ['https://kubernetes.default.svc.cluster.local']])
      await comparison.compare(`${title} reviewed for ${audiences?.[0] ?? 'nobody'}`, (side) =>
        post('/apis/authentication.k8s.io/v1/tokenreviews', {
          spec: { token: side.saw(title)?.status?.token, audiences },
        }),
      );
  await comparison.compare('a token for another audience reviewed', (side) =>
    post('/apis/authentication.k8s.io/v1/tokenreviews', {
      spec: { token: side.saw('a token for one')?.status?.token },
    }),
  );
  await comparison.compare('a token for several reviewed', (side) =>
    post('/apis/authentication.k8s.io/v1/tokenreviews', {
      spec: { token: side.saw('a token for several')?.status?.token, audiences: ['api', 'x'] },
    }),
  );
}

const request = [
  '-----BEGIN CERTIFICATE REQUEST-----',
  'MIHYMIGAAgEAMB4xDTALBgNVBAMMBGFza2UxDTALBgNVBAoMBGFzazIwWTATBgcq',
  '-----END CERTIFICATE REQUEST-----',
  '',
].join('\n');

async function certificates(comparison: Comparison): Promise<void> {
  const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  await comparison.compare(
    'a request that is none',
    post(path, {
      metadata: { name: 'broken' },
      spec: {
        request: Buffer.from(request).toString('base64'),
        signerName: 'example.com/x',
        usages: ['client auth'],
      },
    }),
  );
  const example = examples().find(({ info }) => info.resource === 'certificatesigningrequests');
  const spec = example?.object()['spec'] as Json | undefined;
  await comparison.compare(
    'one that is right',
    post(path, {
      metadata: { name: 'asked' },
      spec: { ...spec, signerName: 'example.com/selected', usages: ['client auth', 'digital signature'] },
    }),
  );
  const at = `${path}/asked`;
  const condition = (type: string, more: Json = {}): Json => ({
    type,
    status: 'True',
    reason: 'R',
    message: 'M',
    ...more,
  });
  const told =
    (where: string, conditions: unknown, more: Json = {}, query = '?dryRun=All'): SidedCall =>
    (side) => {
      const seen = side.saw('now') ?? side.saw('one that is right');
      return put(`${at}/${where}${query}`, { ...seen, status: { conditions, ...more } });
    };
  await inTurn(comparison, {
    approved: told('approval', [condition('Approved')]),
    denied: told('approval', [condition('Denied')]),
    both: told('approval', [condition('Approved'), condition('Denied')]),
    'approved twice': told('approval', [condition('Approved'), condition('Approved')]),
    'approved falsely': told('approval', [condition('Approved', { status: 'False' })]),
    'approved without a status': told('approval', [condition('Approved', { status: '' })]),
    'approved by status': told('status', [condition('Approved')]),
    'failed by approval': told('approval', [condition('Failed')]),
    'failed by status': told('status', [condition('Failed')]),
    'another condition by approval': told('approval', [condition('example.com/Seen')]),
    'another condition by status': told('status', [condition('example.com/Seen', { status: 'Unknown' })]),
    'a condition without a type': told('approval', [condition('')]),
    'a condition with times': told('approval', [
      condition('Approved', {
        lastUpdateTime: '2026-01-01T00:00:00Z',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      }),
    ]),
    'a certificate by approval': told('approval', [condition('Approved')], { certificate: 'eA==' }),
    'a certificate that is none': told('status', [], { certificate: 'eA==' }),
    'approved by the object': told('', [condition('Approved')]),
    'approval by a patch': patch('merge', `${at}/approval?dryRun=All`, {
      status: { conditions: [condition('Approved')] },
    }),
    'approval by apply': patch('apply', `${at}/approval?dryRun=All&fieldManager=x`, {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'asked' },
      status: { conditions: [condition('Approved')] },
    }),
    'approved for good': told('approval', [condition('Approved')], {}, '?fieldManager=approver'),
    now: get(at),
    'approved no more': told('approval', []),
    'denied after all': told('approval', [condition('Approved'), condition('Denied')]),
    'approved for another reason': told('approval', [condition('Approved', { reason: 'Other' })]),
    'approval taken away by status': told('status', []),
    'another request': patch('merge', `${at}?dryRun=All`, { spec: { request: 'eA==' } }),
    'another signer': patch('merge', `${at}?dryRun=All`, { spec: { signerName: 'example.com/y' } }),
    'another user': patch('merge', `${at}?dryRun=All`, {
      spec: { username: 'x', groups: ['y'], extra: { a: ['b'] } },
    }),
    'labels by approval': patch('merge', `${at}/approval?dryRun=All`, { metadata: { labels: { a: 'b' } } }),
  });
}
