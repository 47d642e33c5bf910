import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError } from '@timonier/api/statuses';
import type { Authorizer } from '../authorization/authorizer.ts';
import type { Attributes } from '../authorization/decision.ts';
import type { User } from './authenticate.ts';
import { impersonate, type Impersonated, type Wanted } from './impersonation-modes.ts';

const deputy: User = {
  name: 'system:serviceaccount:ns:deputy',
  groups: ['system:serviceaccounts'],
  extra: { 'authentication.kubernetes.io/node-name': ['n1'], 'authentication.kubernetes.io/pod-name': ['p'] },
};
const listPods: Attributes = {
  path: '/api/v1/namespaces/ns/pods',
  verb: 'list',
  group: '',
  resource: 'pods',
  namespace: 'ns',
  name: '',
  subresource: '',
};

interface Asked {
  readonly question: string;
  readonly user: User;
}

/** `VERB GROUP/RESOURCE/SUBRESOURCE NAMESPACE/NAME`. */
function textOf({ verb, group = '', resource = '', subresource, namespace, name }: Attributes): string {
  return `${verb} ${group}/${resource}/${subresource} ${namespace}/${name}`;
}

/** Allows these questions and no others. */
function allowing(...questions: string[]): { authorizer: Authorizer; asked: Asked[] } {
  const asked: Asked[] = [];
  const decide = (user: User, attributes: Attributes): object => {
    const question = textOf(attributes);
    asked.push({ question, user });
    return { verdict: questions.includes(question) ? 'allow' : 'noOpinion', reason: '' };
  };
  return { authorizer: { decide } as unknown as Authorizer, asked };
}

function wanted(name: string, rest: Partial<Wanted> = {}): Wanted {
  return { name, uid: undefined, groups: [], extra: {}, ...rest };
}

async function as(one: Wanted, ...questions: string[]): Promise<Impersonated> {
  return impersonate(allowing(...questions).authorizer, deputy, one, listPods);
}

async function refused(one: Wanted, ...questions: string[]): Promise<string> {
  try {
    await as(one, ...questions);
  } catch (error) {
    assert.ok(error instanceof StatusError && error.status.code === 403);
    return error.message;
  }
  throw new Error('it was allowed');
}

const onUser = 'impersonate-on:user-info:list /pods/ ns/';
const beJane = 'impersonate:user-info authentication.k8s.io/users/ /jane';
const byDeputy = 'User "system:serviceaccount:ns:deputy" cannot';

test('who may be somebody and do this as him may do this, and nothing by one of the two alone', async () => {
  assert.deepEqual(await as(wanted('jane'), onUser, beJane), {
    user: { name: 'jane', groups: ['system:authenticated'] },
    constraint: 'impersonate:user-info',
  });
  assert.equal(
    await refused(wanted('jane'), beJane),
    `pods is forbidden: ${byDeputy} impersonate-on:user-info:list resource "pods" in API group "" in the namespace "ns"`,
  );
  assert.equal(
    await refused(wanted('jane'), onUser),
    `users.authentication.k8s.io "jane" is forbidden: ${byDeputy} impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope`,
  );
});

test('the plain verb allows everything as before', async () => {
  assert.deepEqual(
    await as(
      wanted('jane', { uid: '7', groups: ['system:masters'], extra: { scopes: ['view'] } }),
      'impersonate /users/ /jane',
      'impersonate authentication.k8s.io/uids/ /7',
      'impersonate /groups/ /system:masters',
      'impersonate authentication.k8s.io/userextras/scopes /view',
    ),
    {
      user: {
        name: 'jane',
        uid: '7',
        groups: ['system:masters', 'system:authenticated'],
        extra: { scopes: ['view'] },
      },
    },
  );
  assert.deepEqual((await as(wanted('system:node:n1'), 'impersonate /users/ /system:node:n1')).user.groups, [
    'system:authenticated',
  ]);
});

test('nodes and accounts have the groups that they have, and are nobody else’s mode', async () => {
  const node = await as(
    wanted('system:node:n9'),
    'impersonate-on:arbitrary-node:list /pods/ ns/',
    'impersonate:arbitrary-node authentication.k8s.io/nodes/ /n9',
  );
  assert.deepEqual(node.user.groups, ['system:nodes', 'system:authenticated']);
  const account = await as(
    wanted('system:serviceaccount:a:b'),
    'impersonate-on:serviceaccount:list /pods/ ns/',
    'impersonate:serviceaccount authentication.k8s.io/serviceaccounts/ a/b',
  );
  assert.deepEqual(account.user.groups, [
    'system:serviceaccounts',
    'system:serviceaccounts:a',
    'system:authenticated',
  ]);
  assert.match(
    await refused(
      wanted('system:node:n9'),
      onUser,
      'impersonate:user-info authentication.k8s.io/users/ /system:node:n9',
    ),
    /cannot impersonate-on:arbitrary-node:list resource "pods"/,
  );
  // Whoever says more than a name is left to the plain verb.
  assert.match(
    await refused(wanted('system:node:n9', { groups: ['x'] })),
    /cannot impersonate resource "users" in API group ""/,
  );
});

test('an account is its own node by one rule for all nodes', async () => {
  const rules = [
    'impersonate-on:associated-node:list /pods/ ns/',
    'impersonate:associated-node authentication.k8s.io/nodes/ /*',
  ];
  const { authorizer, asked } = allowing(...rules);
  const own = await impersonate(authorizer, deputy, wanted('system:node:n1'), listPods);
  assert.deepEqual(own, {
    user: { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] },
    constraint: 'impersonate:associated-node',
  });
  for (const { user } of asked)
    assert.deepEqual(user.extra, {
      'authentication.kubernetes.io/associated-node-keys': [
        'authentication.kubernetes.io/node-name',
        'authentication.kubernetes.io/pod-name',
      ],
    });
  await assert.rejects(impersonate(authorizer, deputy, wanted('system:node:n2'), listPods), /arbitrary-node/);
  const person = { ...deputy, name: 'jane' };
  await assert.rejects(impersonate(authorizer, person, wanted('system:node:n1'), listPods), /arbitrary-node/);
});

test('nobody becomes an administrator, has an empty group or a field without a domain by the new verbs', async () => {
  const group = (name: string): string => `impersonate:user-info authentication.k8s.io/groups/ /${name}`;
  const extra = (key: string, value: string): string =>
    `impersonate:user-info authentication.k8s.io/userextras/${key} /${value}`;
  assert.match(
    await refused(wanted('jane', { groups: ['system:masters'] }), onUser, beJane, group('system:masters')),
    /cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed$/,
  );
  assert.match(
    await refused(wanted('jane', { groups: [''] }), onUser, beJane, group('')),
    /the empty string group is not allowed/,
  );
  const scopes = wanted('jane', { extra: { scopes: ['view'] } });
  assert.match(
    await refused(scopes, onUser, beJane, extra('scopes', 'view')),
    /must be a domain-prefixed path/,
  );
  const good = wanted('jane', { extra: { 'example.com/scopes': ['view'] } });
  assert.deepEqual(
    (await as(good, onUser, beJane, extra('example.com/scopes', 'view'))).user.extra,
    good.extra,
  );
});

test('many groups are asked for at once first, and then one by one', async () => {
  const groups = ['a', 'b', 'c', 'd'];
  const all = allowing(onUser, beJane, 'impersonate:user-info authentication.k8s.io/groups/ /*');
  const one = await impersonate(all.authorizer, deputy, wanted('jane', { groups }), listPods);
  assert.deepEqual(one.user.groups, [...groups, 'system:authenticated']);
  assert.equal(all.asked.length, 3);
  const each = groups.map((name) => `impersonate:user-info authentication.k8s.io/groups/ /${name}`);
  assert.deepEqual(
    (await as(wanted('jane', { groups }), onUser, beJane, ...each)).user.groups,
    one.user.groups,
  );
});

test('what cannot be decided is no refusal', async () => {
  const broken = {
    decide: () => {
      throw new Error('out of order');
    },
  } as unknown as Authorizer;
  await assert.rejects(impersonate(broken, deputy, wanted('jane'), listPods), /out of order/);
});

test('a field is named by a domain and a path, as a name in lower case', async () => {
  const about = async (key: string): Promise<string> => {
    const said = await refused(wanted('jane', { extra: { [key]: ['x'] } }), onUser, beJane);
    return said.slice(said.indexOf('impersonating '));
  };
  const invalid = 'impersonating an invalid key in extra is not allowed: extra.key: Invalid value:';
  assert.match(await about('example.com/a b'), /extra\.key: Invalid value: "a b": Invalid path/);
  assert.match(await about('example.com/a"'), /Invalid path/);
  assert.match(await about(`${'a'.repeat(254)}/x`), /must be no more than 253/);
  assert.ok((await about('Example.com/x')).startsWith(`${invalid} "Example.com": a lowercase RFC 1123`));
  assert.match(await about('-/ '), /not allowed: \[extra\.key: .*, extra\.key: .*\]$/);
  assert.equal(
    await about('example.com/Foo'),
    'impersonating a non-lowercase key in extra is not allowed: "example.com/Foo"',
  );
  // Good ones are asked for.
  for (const key of ["example.com/a~b!$&'()*+,;=:%", 'a/b/c'])
    assert.match(
      await refused(wanted('jane', { extra: { [key]: ['x'] } }), onUser, beJane),
      /cannot impersonate:user-info resource "userextras\//,
    );
});

test('a name of which there can be no account is a plain user', async () => {
  for (const name of [
    'A:b',
    'a.b:c',
    'a:B',
    'a:',
    ':b',
    'a:b:c',
    `${'a'.repeat(64)}:b`,
    `a:${'b'.repeat(254)}`,
  ]) {
    const user = `system:serviceaccount:${name}`;
    const beIt = `impersonate:user-info authentication.k8s.io/users/ /${user}`;
    assert.deepEqual((await as(wanted(user), onUser, beIt)).user.groups, ['system:authenticated'], name);
    assert.deepEqual((await as(wanted(user), `impersonate /users/ /${user}`)).user.groups, [
      'system:authenticated',
    ]);
  }
  const dotted = await as(
    wanted('system:serviceaccount:a:b.c'),
    'impersonate-on:serviceaccount:list /pods/ ns/',
    'impersonate:serviceaccount authentication.k8s.io/serviceaccounts/ a/b.c',
  );
  assert.equal(dotted.constraint, 'impersonate:serviceaccount');
});
