import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { profilesOf, readConfiguration } from './configuration.ts';
import { defaultProfile } from './profile.ts';

const head = { apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' };
const weights = (plugins: unknown): Record<string, number> => {
  const [profile] = profilesOf({ ...head, profiles: [{ plugins }] });
  return Object.fromEntries(profile?.plugins.map(({ name, weight }) => [name, weight]) ?? []);
};
const defaults = Object.fromEntries(defaultProfile.plugins.map(({ name, weight }) => [name, weight]));

test('a configuration without profiles is the default one', () => {
  assert.deepEqual(profilesOf(head), [defaultProfile]);
  assert.deepEqual(weights({}), defaults);
});

test('plugins are switched on and off as a whole, and their scores apart', () => {
  const { NodePorts: _ports, ...withoutPorts } = defaults;
  for (const [plugins, expected] of [
    [{ multiPoint: { disabled: [{ name: 'NodePorts' }] } }, withoutPorts],
    [{ score: { disabled: [{ name: 'NodeAffinity' }] } }, { ...defaults, NodeAffinity: 0 }],
    [{ score: { enabled: [{ name: 'NodeAffinity', weight: 7 }] } }, { ...defaults, NodeAffinity: 7 }],
    [
      {
        multiPoint: {
          disabled: [{ name: '*' }],
          enabled: [{ name: 'NodeName' }, { name: 'NodeResourcesFit', weight: 3 }],
        },
      },
      { NodeName: 1, NodeResourcesFit: 3 },
    ],
    [
      { score: { disabled: [{ name: '*' }], enabled: [{ name: 'NodeResourcesFit', weight: 5 }] } },
      { ...Object.fromEntries(Object.keys(defaults).map((name) => [name, 0])), NodeResourcesFit: 5 },
    ],
  ] as const) {
    assert.deepEqual(weights(plugins), expected);
  }
});

test('what cannot be done is refused with the place where it was asked for', () => {
  for (const [configuration, message] of [
    [{ kind: 'Pod' }, /KubeSchedulerConfiguration/],
    [{ ...head, profiles: [{}, {}] }, /same schedulerName/],
    [
      { ...head, profiles: [{ plugins: { filter: { disabled: [{ name: '*' }] } } }] },
      /profiles\[0\]\.plugins\.filter/,
    ],
    [
      { ...head, profiles: [{ plugins: { multiPoint: { enabled: [{ name: 'Magic' }] } } }] },
      /"Magic" is unknown/,
    ],
    [{ ...head, profiles: [{ pluginConfig: [{ name: 'NodeResourcesFit' }] }] }, /pluginConfig/],
    [
      { ...head, profiles: [{ plugins: { score: { enabled: [{ name: 'NodeAffinity', weight: 0 }] } } }] },
      /weight of NodeAffinity/,
    ],
  ] as const) {
    assert.throws(() => profilesOf(configuration), message);
  }
});

test('a file is read as YAML, and an error names it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'timonier-scheduler-'));
  try {
    const file = join(directory, 'scheduler.yaml');
    const lines = [
      'apiVersion: kubescheduler.config.k8s.io/v1',
      'kind: KubeSchedulerConfiguration',
      'profiles:',
    ];
    writeFileSync(
      file,
      [...lines, '- schedulerName: default-scheduler', '- schedulerName: second'].join('\n'),
    );
    assert.deepEqual(
      readConfiguration(file).map(({ schedulerName }) => schedulerName),
      ['default-scheduler', 'second'],
    );
    writeFileSync(file, 'kind: [');
    assert.throws(() => readConfiguration(file), /scheduler\.yaml/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
