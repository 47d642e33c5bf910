/**
 * Certificates of clients that are odd, or no one's: who shows one is who it says, to the letter, or nobody. What the
 * cluster's authority signs it has read; that a name holds the words of another name makes it no other.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:tls';
import { after, before, test } from 'node:test';
import { createAuthority, createCertificate } from '@timonier/pki';
import { Subject } from './subject.ts';

interface Shown {
  readonly status: number;
  readonly name: string | undefined;
  readonly groups: readonly string[] | undefined;
}
type Spec = Partial<Parameters<typeof createCertificate>[0]>;

const cleanups: (() => unknown)[] = [];
const dayMs = 86_400_000;
let subject: Subject;
let authority: { certificate: string; key: string };

before(async () => {
  subject = await Subject.start({ after: (fn) => void cleanups.push(fn) });
  const [certificate, key] = await Promise.all([
    readFile(subject.pki.caFile, 'utf8'),
    readFile(subject.pki.caKeyFile, 'utf8'),
  ]);
  authority = { certificate, key };
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** Who a client with such a certificate is told to be. */
async function shown(spec: Spec, signer = authority, now = new Date()): Promise<Shown> {
  const made = createCertificate(
    { commonName: 'bob', usages: ['client'], validDays: 2, ...spec },
    signer,
    now,
  );
  const socket = connect({
    host: '127.0.0.1',
    port: subject.port,
    servername: 'localhost',
    ca: authority.certificate,
    cert: made.certificate,
    key: made.key,
  });
  const body = '{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}';
  socket.end(
    `POST /apis/authentication.k8s.io/v1/selfsubjectreviews HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(socket, 'close');
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
  const json = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as {
    status: { userInfo?: { username: string; groups: string[] } };
  };
  const user = status === 201 ? json.status.userInfo : undefined;
  return { status, name: user?.username, groups: user?.groups };
}

test('a name is what it is to the letter, whatever it holds', async () => {
  const own: readonly (readonly [string, readonly string[]])[] = [
    ['admin\0.example.com', ['a\0b']],
    ['bob\nO=system:masters', ['x\nO=system:masters']],
    ['bob+O=system:masters,CN=admin/O=y', ['a, O=b', '\\,c']],
    ['b\u00f6b \u{1f600}', ['\u202e']],
    ['__proto__', ['constructor']],
    ['a'.repeat(10_000), ['b'.repeat(1_000)]],
  ];
  for (const [commonName, organizations] of own)
    assert.deepEqual(
      await shown({ commonName, organizations: [...organizations] }),
      { status: 201, name: commonName, groups: [...organizations, 'system:authenticated'] },
      JSON.stringify(commonName.slice(0, 50)),
    );
});

test('a client may be in hundreds of groups', async () => {
  const organizations = Array.from({ length: 500 }, (_, i) => `g${i}`);
  const { status, groups } = await shown({ organizations });
  assert.deepEqual([status, groups], [201, [...organizations, 'system:authenticated']]);
});

test('who shows what nobody trusts, what is over or to come, or what is for servers, is nobody', async () => {
  const stranger = createAuthority('kubernetes-ca', 2, new Date());
  const masters = { commonName: 'admin', organizations: ['system:masters'] };
  const refused = { status: 401, name: undefined, groups: undefined };
  assert.deepEqual(await shown(masters, stranger), refused);
  assert.deepEqual(await shown(masters, authority, new Date(Date.now() - 20 * dayMs)), refused);
  assert.deepEqual(await shown(masters, authority, new Date(Date.now() + 20 * dayMs)), refused);
  assert.deepEqual(await shown({ ...masters, usages: ['server'], hosts: ['a'] }), refused);
  assert.deepEqual(await shown({ commonName: '' }), refused);
});
