/** What decides who may give what away is read as the store has it, and not as this server has heard of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyRule } from '@timonier/api';
import type { ApiObject } from '@timonier/api/decode';
import { StatusError } from '@timonier/api/statuses';
import type { WriteContext } from '../server-state.ts';
import { fromStored } from '../storage/stored-object.ts';
import { checkParamRef } from '../strategies/policy-parameters.ts';
import type { Strategy } from '../strategies/strategy.ts';
import { bindingStrategy, roleStrategy } from './escalation.ts';

const all: PolicyRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
const one: PolicyRule = { verbs: ['get'], apiGroups: [''], resources: ['configmaps'] };

interface View {
  readonly owned: readonly PolicyRule[];
  readonly role: readonly PolicyRule[] | undefined;
  /** The kind of parameters that the policy has. */
  readonly kind: string;
}

/** A write of somebody who may read ConfigMaps, on a server that has heard of `old` until it asks for what is. */
function writeOn(old: View, now: View, resource: string): WriteContext {
  let view = old;
  const policy = (): Buffer =>
    Buffer.from(
      `j1:-:{"apiVersion":"x","kind":"y","metadata":{"name":"p"},"spec":{"paramKind":{"apiVersion":"v1","kind":"${view.kind}"}}}`,
    );
  return {
    target: { info: { group: 'x', kind: 'Kind', resource }, name: 'n', namespace: 'n', verb: 'create' },
    user: { name: 'zoe', groups: [] },
    server: {
      root: '/registry/',
      reads: {
        fresh: () => {
          view = now;
          return Promise.resolve();
        },
      },
      registry: { byKind: (_: string, __: string, kind: string) => ({ resource: `${kind.toLowerCase()}s` }) },
      cache: { resource: () => ({ index: { get: () => fromStored('k', policy(), 1, 1) } }) },
      authorizer: {
        allows: (_: unknown, asked: { resource: string }) => Promise.resolve(asked.resource === 'configmaps'),
        rbac: { rulesOf: () => ({ rules: view.owned }), rulesOfRole: () => view.role },
      },
    },
  } as unknown as WriteContext;
}

const refusedWith = (code: number) => (error: unknown) => error instanceof StatusError && error.code === code;
const checked = (strategy: Strategy, object: object, context: WriteContext): unknown =>
  strategy.check?.(object as ApiObject, undefined, context);
const less: View = { owned: [one], role: [one], kind: 'ConfigMap' };

test('who lost a right a moment ago gives it to nobody, and who was given one may', async () => {
  const role = { metadata: { name: 'n' }, rules: [all] };
  const more: View = { ...less, owned: [all] };
  await assert.rejects(
    async () => checked(roleStrategy, role, writeOn(more, less, 'roles')),
    refusedWith(403),
  );
  await checked(roleStrategy, role, writeOn(less, more, 'roles'));
});

test('a role that was made more a moment ago is bound by nobody who has less, and a new one is found', async () => {
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' };
  const binding = { metadata: { name: 'n' }, roleRef };
  const asked = async (old: View, now: View): Promise<unknown> =>
    checked(bindingStrategy, binding, writeOn(old, now, 'rolebindings'));
  await assert.rejects(asked(less, { ...less, role: [all] }), refusedWith(403));
  await assert.rejects(asked(less, { ...less, role: undefined }), refusedWith(404));
  await asked({ ...less, role: undefined }, less);
});

test('a policy that got other parameters a moment ago is bound to those by nobody who may not read them', async () => {
  const binding = {
    metadata: { name: 'n' },
    spec: { policyName: 'p', paramRef: { name: 'x', namespace: 'n' } },
  };
  const asked = async (old: View, now: View): Promise<void> =>
    checkParamRef('policies')(binding, undefined, writeOn(old, now, 'bindings'));
  await assert.rejects(asked(less, { ...less, kind: 'Secret' }), refusedWith(422));
  await asked({ ...less, kind: 'Secret' }, less);
});
