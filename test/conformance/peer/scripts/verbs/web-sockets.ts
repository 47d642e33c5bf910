/** Watches over WebSockets: what is accepted, in which messages events come, and how they end. */
import type { Call, WebSocketAsk } from '../../calls.ts';
import type { Comparison } from '../../comparison.ts';
import { namespace } from '../world.ts';
import { maps } from './samples.ts';

const bearer = 'base64url.bearer.authorization.k8s.io.';
const account = 'web-sockets';
const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;

export async function webSockets(comparison: Comparison): Promise<void> {
  const only = 'timeoutSeconds=1&labelSelector=kind%3Dverbs';
  const watch = `${maps}?watch=1&${only}`;
  const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  const browser = { origin: 'https://dashboard.example' };
  const over = (title: string, path: string, ask: Partial<WebSocketAsk> = {}, rest: Partial<Call> = {}) => ({
    title,
    call: { method: 'GET', path, webSocket: { ...browser, ...ask }, ...rest },
  });
  const accepting = (type: string) => ({ headers: { accept: type } });
  await comparison.all([
    over('events', watch),
    over('a state and its end', `${watch}&${initial}`),
    over('old path', `/api/v1/watch/namespaces/${namespace}/configmaps/verbs-1?timeoutSeconds=1`),
    over('as tables', watch, {}, accepting('application/json;as=Table;g=meta.k8s.io;v=v1')),
    over('in protobuf', watch, {}, accepting('application/vnd.kubernetes.protobuf;stream=watch')),
    over('as YAML', watch, {}, accepting('application/yaml')),
    over('a version to come', `${watch}&resourceVersion=999999999`),
    over('a wrong selector', `${maps}?watch=1&labelSelector=%21%21`),
    over('an unknown resource', '/api/v1/nothings?watch=1'),
    over('nobody', watch, {}, { as: 'nobody' }),
    over('one subprotocol', watch, { protocols: ['events.example'] }),
    over('no origin', watch, { origin: '' }),
  ]);
  await comparison.both('an account', {
    method: 'POST',
    path: accounts,
    body: { metadata: { name: account } },
  });
  await comparison.both('its rights', {
    method: 'POST',
    path: `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`,
    body: {
      metadata: { name: account },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
    },
  });
  await comparison.both('its token', {
    method: 'POST',
    path: `${accounts}/${account}/token`,
    body: { spec: {} },
  });
  const wrong = `${bearer}${Buffer.from('wrong').toString('base64url')}`;
  for (const [title, protocolsFor] of [
    ['a token and another subprotocol', (token: string) => ['events.example', token]],
    ['a token alone', (token: string) => [token]],
    ['a wrong token', () => ['events.example', wrong]],
    ['two tokens', (token: string) => ['events.example', token, wrong]],
  ] as const)
    await comparison.compare(title, (side) => {
      const { token } = side.saw('its token').status as { token: string };
      const protocols = protocolsFor(`${bearer}${Buffer.from(token).toString('base64url')}`);
      return over(title, watch, { protocols }, { as: 'nobody' }).call;
    });
}
