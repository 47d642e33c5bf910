import assert from 'node:assert/strict';
import { test } from 'node:test';
import { types } from '@timonier/cel';
import { type Attributes, type Decision, noOpinion } from '../authorization/decision.ts';
import { admissionEnvironment, inputOf, MatchConditions } from './conditions.ts';
import { whenDecided } from './decisions.ts';
import type { AdmissionRequest } from './request.ts';

test('what authorizer is asked is built up step by step, and only a whole question can be asked', () => {
  const environment = admissionEnvironment({});
  const typeOf = (expression: string) => types.formatType(environment.compile(expression).type);
  assert.equal(typeOf("authorizer.requestResource.check('get')"), 'kubernetes.authorization.Decision');
  assert.equal(typeOf("authorizer.group('').resource('pods')"), 'kubernetes.authorization.ResourceCheck');
  assert.equal(typeOf("authorizer.path('/x').check('get').allowed()"), 'bool');
  assert.throws(
    () => typeOf("authorizer.group('apps').check('get')"),
    /found no matching overload for 'check'/,
  );
  assert.throws(() => typeOf("authorizer.path('/x').namespace('n')"), /found no matching overload/);
  assert.throws(
    () => typeOf('authorizer.unknown'),
    /unexpected failed resolution of 'kubernetes.authorization.Authorizer'/,
  );
  assert.throws(() => typeOf('[authorizer].all(authorizer, authorizer.requestResource == 1)'));
  assert.ok(environment.compile("authorizer.requestResource.check('get').allowed()").estimate >= 350_000);
});

/** A request whose authorizer has to ask somebody: for pods the answer is yes, and each question is counted. */
function slowRequest(): { readonly request: AdmissionRequest; readonly asked: string[] } {
  const asked: string[] = [];
  const decide = async (_user: unknown, { resource, verb, name }: Attributes): Promise<Decision> => {
    asked.push(`${verb} ${resource} ${name}`);
    await Promise.resolve();
    return resource === 'pods'
      ? { verdict: 'allow', reason: 'pods are free' }
      : { ...noOpinion, error: 'lost' };
  };
  const info = { group: '', version: 'v1', kind: 'Pod', resource: 'pods', namespaced: true };
  const target = { info, namespace: 'n', name: 'p', subresource: '', verb: 'create' };
  const user = { name: 'u', groups: [] };
  const request = {
    operation: 'CREATE',
    object: undefined,
    old: undefined,
    context: { server: { authorizer: { decide } }, target, user },
  };
  return { request: request as unknown as AdmissionRequest, asked };
}

test('an expression waits for an authorizer that asks outside, which is asked each question once', async () => {
  const { request, asked } = slowRequest();
  const own = "authorizer.requestResource.check('get')";
  const other = "authorizer.group('').resource('nodes').name('x').check('get')";
  const conditions = new MatchConditions([
    { name: 'a', expression: `${own}.allowed() && !${other}.allowed()` },
    { name: 'b', expression: `${own}.reason() == 'pods are free'` },
  ]);
  assert.equal(await whenDecided(() => conditions.match(inputOf(request))), true);
  assert.deepEqual(asked, ['get pods p', 'get nodes x']);
  const failed = new MatchConditions([
    { name: 'b', expression: "authorizer.group('').resource('nodes').check('list').error() == 'lost'" },
    { name: 'c', expression: "authorizer.group('').resource('nodes').check('list').errored()" },
    { name: 'd', expression: 'object.missing == 1' },
  ]);
  await assert.rejects(
    async () => whenDecided(() => failed.match(inputOf(request))),
    /^Error: expression 'object.missing == 1' resulted in error/,
  );
  assert.equal(asked.length, 3);
});

test('what one user may do is not what another of the same name may', async () => {
  const { request } = slowRequest();
  const asked: string[] = [];
  const decide = async ({ groups }: { groups: readonly string[] }): Promise<Decision> => {
    asked.push(groups.join());
    await Promise.resolve();
    return groups.includes('admins') ? { verdict: 'allow', reason: '' } : noOpinion;
  };
  const user = { name: 'system:serviceaccount:n:a', groups: ['admins'] };
  const context = { ...request.context, server: { authorizer: { decide } }, user };
  const check = "resource('pods').check('get').allowed()";
  const conditions = new MatchConditions([
    { name: 'own', expression: `authorizer.group('').${check}` },
    { name: 'account', expression: `!authorizer.serviceAccount('n', 'a').group('').${check}` },
  ]);
  const asking = { ...request, context } as unknown as AdmissionRequest;
  assert.equal(await whenDecided(() => conditions.match(inputOf(asking))), true);
  assert.equal(asked.length, 2);
});
