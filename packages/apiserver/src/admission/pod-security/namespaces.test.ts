/** What labels that nobody can read are worth, and what is said of namespaces that ask for something. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError } from '@timonier/api/statuses';
import type { AdmissionRequest } from '../request.ts';
import { checkNamespace } from './namespaces.ts';
import { type Labels, labelPrefix, modes, policyOf } from './policy.ts';
import { type PodSecuritySettings, usualPodSecurity } from './settings.ts';

const prefixed = (labels: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [labelPrefix + name, value]));

/** The warnings about a namespace with these labels, which had others before or is new. */
function warningsOf(
  labels: Labels,
  before?: Labels,
  { settings = usualPodSecurity, user = 'a' }: { settings?: PodSecuritySettings; user?: string } = {},
): string[] {
  const told: string[] = [];
  const named = (own: Labels): object => ({ metadata: { name: 'n', labels: prefixed(own) } });
  const pod = { metadata: { name: 'p' }, spec: { containers: [], hostPID: true } };
  const request = {
    operation: before === undefined ? 'CREATE' : 'UPDATE',
    object: named(labels),
    old: before === undefined ? undefined : named(before),
    context: {
      target: { name: 'n', info: { group: '', kind: 'Namespace', resource: 'namespaces' } },
      user: { name: user },
      warn: (text: string) => void told.push(text),
      server: {
        registry: { lookup: () => ({ storagePrefix: 'pods' }) },
        root: '/registry/',
        cache: { resource: () => ({ index: { getRange: () => [['', { object: () => pod }]] } }) },
      },
    },
  } as unknown as AdmissionRequest;
  checkNamespace(request, settings);
  return told;
}

const isInvalid = (error: unknown): boolean => error instanceof StatusError && error.code === 422;

test('a level that nobody knows is enforced as the strictest, and neither warned of nor told the audit log', () => {
  const labels = prefixed({ enforce: 'x', audit: 'y', warn: 'z' });
  assert.deepEqual(
    modes.map((mode) => policyOf(labels, mode).name),
    ['restricted:latest', 'privileged:latest', 'privileged:latest'],
  );
  const defaults = { audit: 'baseline', warn: 'restricted', 'warn-version': 'v1.30' };
  assert.deepEqual(
    modes.map((mode) => policyOf(labels, mode, defaults).name),
    ['restricted:latest', 'privileged:latest', 'privileged:v1.30'],
  );
});

test('labels that are wrong may stay as they are, and may not become wrong in another way', () => {
  assert.throws(() => warningsOf({ warn: 'x' }), isInvalid);
  assert.throws(() => warningsOf({ warn: 'x' }, {}), isInvalid);
  assert.deepEqual(warningsOf({ warn: 'x' }, { warn: 'x' }), []);
  assert.throws(() => warningsOf({ warn: 'y' }, { warn: 'x' }), isInvalid);
  assert.throws(() => warningsOf({ audit: 'x' }, { warn: 'x' }), isInvalid);
  assert.throws(() => warningsOf({ warn: 'x', audit: 'x' }, { warn: 'x' }), isInvalid);
});

test('who is exempt is told of pods all the same, and an exempt namespace that nobody heeds it', () => {
  const exempt = {
    usernames: new Set(['a']),
    namespaces: new Set<string>(),
    runtimeClasses: new Set<string>(),
  };
  const pods = [
    'existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:latest"',
    'p: host namespaces',
  ];
  assert.deepEqual(warningsOf({ enforce: 'baseline' }, {}), pods);
  assert.deepEqual(warningsOf({ enforce: 'baseline' }, {}, { settings: { defaults: {}, exempt } }), pods);
  const settings = { defaults: {}, exempt: { ...exempt, namespaces: new Set(['n']) } };
  const unheeded = (policy: string): string[] => [
    `namespace "n" is exempt from Pod Security, and the policy (${policy}) will be ignored`,
  ];
  const both = { enforce: 'baseline', audit: 'restricted', 'audit-version': 'v1.30' };
  assert.deepEqual(
    warningsOf(both, undefined, { settings }),
    unheeded('enforce=baseline:latest, audit=restricted:v1.30'),
  );
  assert.deepEqual(
    warningsOf({ enforce: 'baseline' }, {}, { settings }),
    unheeded('enforce=baseline:latest'),
  );
  assert.deepEqual(warningsOf({ enforce: 'privileged' }, undefined, { settings }), []);
  assert.deepEqual(
    warningsOf({ enforce: 'baseline' }, undefined, {
      settings: { ...settings, defaults: { enforce: 'baseline', warn: 'baseline' } },
    }),
    [],
  );
});
