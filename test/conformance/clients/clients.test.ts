/**
 * Some of what `npm run conformance -- clients` does, on an API server with controllers and no node: each release of
 * kubectl with transcripts of its own, helm, and programs.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { configFrom, programs } from './client-node.ts';
import { companionOf, type Release, unpackHelm, unpackKubectl } from './clients.ts';
import type { Terminal } from './run-transcript.ts';
import { inOwnNamespace, play, transcripts } from './suite.ts';
import { withoutNodes, type World } from './worlds.ts';

/** Together all subjects; the releases that are not named here are for the whole run. */
const played: Readonly<Partial<Record<Release, readonly string[]>>> = {
  '1.20': ['auth', 'proxy'],
  '1.33': ['rollout'],
  '1.35': ['apply'],
};

test('helm and programs are asked with a kubectl that their transcripts are for, whatever releases are wanted', () => {
  assert.equal(companionOf(['1.20']), '1.35');
  assert.equal(companionOf(['1.36', '1.33']), '1.36');
  assert.equal(companionOf([]), '1.35');
});

describe('real clients', { concurrency: 2 }, () => {
  const closers: (() => unknown)[] = [];
  let world: World | undefined;
  let directory = '';
  const folders = new Map<Release, string>();

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'timonier-clients-'));
    closers.push(() => rm(directory, { recursive: true, force: true }));
    for (const release of Object.keys(played) as Release[])
      folders.set(release, unpackKubectl(directory, release));
    world = await withoutNodes((end) => void closers.push(end));
  });
  after(async () => {
    for (const close of closers.reverse()) await close();
  });

  const terminal = (release: Release): Terminal => {
    assert.ok(world);
    return {
      release,
      path: [folders.get(release) ?? '', join(directory, 'helm-4')],
      kubeconfig: world.kubeconfig,
    };
  };
  const playOne = async (folder: string, name: string, release: Release): Promise<void> => {
    const transcript = transcripts(folder).find((one) => one.name === name);
    assert.ok(transcript !== undefined && !transcript.needsNodes);
    assert.equal((await play(transcript, terminal(release), directory)).join('\n'), '');
  };

  for (const [release, names] of Object.entries(played) as [Release, readonly string[]][])
    for (const name of names)
      test(`kubectl ${release} prints what is expected of it: ${name}`, () =>
        playOne('kubectl', name, release));

  test('helm 4 installs, upgrades, rolls back and uninstalls a chart with definitions and hooks', async () => {
    unpackHelm(directory);
    await playOne('helm', 'charts', '1.35');
  });

  for (const [i, { name, run }] of programs.filter(({ needsNodes }) => !needsNodes).entries())
    test(`a program with client-node has what it counts on: ${name}`, async () => {
      const config = configFrom(terminal('1.35').kubeconfig);
      await inOwnNamespace(terminal('1.35'), `program-${i}`, (namespace) => run(config, namespace));
    });
});
