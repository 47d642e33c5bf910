import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectMeta, PodSpec, SecurityContext } from '@timonier/api';
import { type Labels, labelErrors, labelPrefix, policyOf } from './policy.ts';
import { violations } from './standards.ts';

const prefixed = (labels: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [labelPrefix + name, value]));

/** As the message of a refusal lists it. */
function told(labels: Labels, spec: Partial<PodSpec>, metadata: ObjectMeta = {}): string {
  const found = violations(policyOf(prefixed(labels), 'enforce'), metadata, {
    containers: [{ name: 'one' }],
    ...spec,
  });
  return found.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');
}

const tame: SecurityContext = {
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

test('what a pod violates is told in the order of the names of checks, by everybody who sets it', () => {
  const names = ['one', 'two', 'three'];
  assert.equal(
    told(
      { enforce: 'baseline' },
      {
        containers: names.map((name) => ({
          name,
          securityContext: { privileged: true, capabilities: { add: ['SYS_ADMIN'] } },
        })),
        hostPID: true,
      },
    ),
    'non-default capabilities (containers "one", "two", "three" must not include "SYS_ADMIN" in securityContext.capabilities.add), ' +
      'host namespaces (hostPID=true), ' +
      'privileged (containers "one", "two", "three" must not set securityContext.privileged=true)',
  );
});

test('probes and hooks must not reach other hosts, since that is a rule', () => {
  const container = { name: 'one', livenessProbe: { httpGet: { host: '10.0.0.1', port: 80 } } };
  assert.equal(
    told({ enforce: 'baseline' }, { containers: [container] }),
    'probe or lifecycle host (container "one" uses probe or lifecycle host "10.0.0.1")',
  );
  assert.equal(told({ enforce: 'baseline', 'enforce-version': 'v1.33' }, { containers: [container] }), '');
});

test('a pod that may be root does not become right by what its containers say', () => {
  assert.equal(
    told(
      { enforce: 'restricted' },
      {
        containers: [{ name: 'one', securityContext: tame }],
        securityContext: { runAsNonRoot: false },
      },
    ),
    'runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)',
  );
});

test('standards are those of the version that was asked for', () => {
  const root = { containers: [{ name: 'one', securityContext: { ...tame, runAsUser: 0 } }] };
  assert.equal(told({ enforce: 'restricted', 'enforce-version': 'v1.22' }, root), '');
  assert.equal(
    told({ enforce: 'restricted', 'enforce-version': 'v1.23' }, root),
    'runAsUser=0 (container "one" must not set runAsUser=0)',
  );
  const sysctls = ['kernel.shm_rmid_forced', 'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_rmem'];
  const tuned = { securityContext: { sysctls: sysctls.map((name) => ({ name, value: '1' })) } };
  assert.equal(
    told({ enforce: 'baseline', 'enforce-version': 'v1.20' }, tuned),
    'forbidden sysctls (net.ipv4.tcp_keepalive_time, net.ipv4.tcp_rmem)',
  );
  assert.equal(told({ enforce: 'baseline' }, tuned), '');
});

test('a profile that an annotation names is told beside the field that it became', () => {
  const key = 'container.apparmor.security.beta.kubernetes.io/one';
  assert.equal(
    told(
      { enforce: 'baseline' },
      { containers: [{ name: 'one', securityContext: { appArmorProfile: { type: 'Unconfined' } } }] },
      { annotations: { [key]: 'unconfined' } },
    ),
    `forbidden AppArmor profiles (container "one" and annotation must not set AppArmor profile type to "Unconfined", "${key}="unconfined"")`,
  );
});

test('types of volumes are told by the alphabet', () => {
  const volumes = [
    { name: 'a', nfs: { server: 'x', path: '/' } },
    { name: 'b', gcePersistentDisk: { pdName: 'x' } },
  ];
  assert.equal(
    told({ enforce: 'restricted' }, { containers: [{ name: 'one', securityContext: tame }], volumes }),
    'restricted volume types (volumes "a", "b" use restricted volume types "gcePersistentDisk", "nfs")',
  );
});

test('who enforces a level is warned at that level, unless they say at which', () => {
  const name = (labels: Labels): string => policyOf(prefixed(labels), 'warn').name;
  assert.equal(name({ enforce: 'baseline', 'enforce-version': 'v1.30' }), 'baseline:v1.30');
  assert.equal(name({ enforce: 'baseline', warn: 'restricted' }), 'restricted:latest');
  assert.equal(name({}), 'privileged:latest');
});

test('labels that name no level or no version are told', () => {
  const errors = labelErrors(
    prefixed({ enforce: 'what', 'enforce-version': 'v1', 'warn-version': 'v1.999' }),
  );
  assert.deepEqual(
    errors.map(({ field, detail }) => `${field}: ${detail}`),
    [
      'metadata.labels[pod-security.kubernetes.io/enforce]: must be one of privileged, baseline, restricted',
      'metadata.labels[pod-security.kubernetes.io/enforce-version]: must be "latest" or "v1.x"',
    ],
  );
});

test('before there was a field for seccomp annotations said it, and the field says nothing', () => {
  const unconfined: Partial<PodSpec> = { securityContext: { seccompProfile: { type: 'Unconfined' } } };
  const annotations = {
    'seccomp.security.alpha.kubernetes.io/pod': 'unconfined',
    'container.seccomp.security.alpha.kubernetes.io/one': 'localhost/x',
    'container.seccomp.security.alpha.kubernetes.io/nobody': 'unconfined',
  };
  const old = { enforce: 'baseline', 'enforce-version': 'v1.18' };
  assert.equal(told(old, unconfined), '');
  assert.equal(
    told(old, {}, { annotations }),
    'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
  );
  const newer = { enforce: 'baseline', 'enforce-version': 'v1.19' };
  assert.equal(told(newer, {}, { annotations }), '');
  assert.match(told(newer, unconfined), /pod must not set securityContext.seccompProfile.type/);
});
