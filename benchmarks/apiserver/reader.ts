/** A ServiceAccount that may read pods, and a token of it, made through the API as for any program in a pod. */
import { until } from '../../test/acceptance/wait.ts';
import { getPod } from './calls.ts';
import { send, succeed } from './client.ts';
import type { Session } from './session.ts';

const name = 'reader';
const accounts = '/api/v1/namespaces/default/serviceaccounts';
const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';

/** Asks as the administrator; resolves when requests of `bare`, which has no certificate, are answered with the token. */
export async function readerToken(admin: Session, bare: Session): Promise<string> {
  const post = async (path: string, object: object): Promise<string> =>
    (await succeed(admin, { method: 'POST', path, body: JSON.stringify(object) }, true)).text;
  await post(accounts, { metadata: { name } });
  await post(`${rbac}/roles`, {
    metadata: { name },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
  });
  await post(`${rbac}/rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace: 'default' }],
  });
  const answer = await post(`${accounts}/${name}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 3_600 },
  });
  const { token } = (JSON.parse(answer) as { status: { token: string } }).status;
  // The authorizer hears of the binding a moment later.
  await until('the reader may read pods', 10_000, async () => {
    const { status, text } = await send(bare, { ...getPod(0), authorization: `Bearer ${token}` });
    if (status !== 200) throw new Error(text);
    return true;
  });
  return token;
}
