/** What a pod finds of its ServiceAccount: tokens that the API server takes, and the authority to know it by. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodBench } from '../pod-bench.ts';

const mounted = '/var/run/secrets/kubernetes.io/serviceaccount';

interface Claims {
  readonly aud: readonly string[];
  readonly sub: string;
  readonly iat: number;
  readonly exp: number;
  readonly 'kubernetes.io': { readonly pod: { readonly name: string } };
}

function claimsOf(token: string): Claims {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Claims;
}

/** The status that the cluster's own TokenReview has for a token. */
async function reviewed(
  at: PodBench,
  token: string,
  audiences?: readonly string[],
): Promise<{ authenticated?: boolean; user?: { username: string } }> {
  const spec = { token, ...(audiences === undefined ? {} : { audiences }) };
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec };
  const answer = await at.kubectl(['create', '-o', 'json', '-f', '-'], { input: JSON.stringify(review) });
  return (JSON.parse(answer) as { status: object }).status;
}

export function accounts(bench: () => PodBench): void {
  // Conformance: ServiceAccounts should mount an API token into pods
  test('a pod finds a token that the API server takes, the cluster’s authority, and its namespace', async () => {
    const at = bench();
    await at.run('token', { containers: [{}] });
    await at.ready('token');
    const read = async (name: string): Promise<string> => at.sh('token', `cat ${mounted}/${name}`);
    const token = await read('token');
    const claims = claimsOf(token);
    assert.equal(claims.sub, `system:serviceaccount:${await read('namespace')}:default`);
    assert.equal(claims['kubernetes.io'].pod.name, 'token');
    const status = await reviewed(at, token);
    assert.equal(status.authenticated, true);
    assert.equal(status.user?.username, claims.sub);
    const published = await at.kubectl([
      'get',
      'configmap',
      'kube-root-ca.crt',
      '-o',
      'jsonpath={.data.ca\\.crt}',
    ]);
    assert.equal((await read('ca.crt')).trim(), published.trim());
  });

  // Conformance: ServiceAccounts should mount projected service account token
  test('a projected token has its path, mode, audience and time', async () => {
    const at = bench();
    const serviceAccountToken = { path: 'deep/token', audience: 'vault', expirationSeconds: 600 };
    await at.run('projected', {
      containers: [{ volumeMounts: [{ name: 'own', mountPath: '/own' }] }],
      spec: {
        volumes: [{ name: 'own', projected: { defaultMode: 0o400, sources: [{ serviceAccountToken }] } }],
      },
    });
    await at.ready('projected');
    const [mode, token = ''] = (
      await at.sh('projected', 'stat -L -c %a /own/deep/token; cat /own/deep/token')
    )
      .trim()
      .split('\n');
    assert.equal(mode, '400');
    const { aud, iat, exp } = claimsOf(token);
    assert.deepEqual(aud, ['vault']);
    assert.equal(exp - iat, 600);
    assert.equal((await reviewed(at, token, ['vault'])).authenticated, true);
    // It is for nobody else, and not for the API server.
    assert.notEqual((await reviewed(at, token)).authenticated, true);
  });
}
