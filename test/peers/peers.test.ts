import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { peer, peerFile } from './peer.ts';
import { moduleFiles, programNames, programs, requiredVersion, usualNames, versionOf } from './programs.ts';
import { buildArguments, buildEnvironment, fingerprint, listArguments } from './recipe.ts';
import { judge, neededGo } from './toolchain.ts';

const modules = ['kubernetes', 'etcd'] as const;

test('each module names the programs that are built of it as its tools', () => {
  for (const module of modules) {
    const block = /^tool \(\n([^)]*)\)/m.exec(moduleFiles(module).mod)?.[1] ?? '';
    const tools = block
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    const built = programNames.map((name) => programs[name]).filter((program) => program.module === module);
    assert.deepEqual(tools.sort(), built.map((program) => program.package).sort());
  }
});

test('a module is its requirements and their checksums, from nowhere in particular', () => {
  for (const module of modules) {
    const { mod, sum } = moduleFiles(module);
    assert.doesNotMatch(mod + sum, /:\/\//);
    for (const [, target = ''] of mod.matchAll(/=> (\S+)/g)) assert.doesNotMatch(target, /^[./]/);
    for (const line of sum.trimEnd().split('\n')) assert.match(line, /^\S+ v\S+ h1:\S+=$/);
  }
});

test('all modules of Kubernetes have the minor and patch version of Kubernetes itself', () => {
  const { mod } = moduleFiles('kubernetes');
  const staging = `v0.${versionOf('kubernetes').split('.').slice(1).join('.')}`;
  const replaced = [...mod.matchAll(/^\s+(\S+) => (\S+) (\S+)$/gm)];
  assert.ok(replaced.length > 25, `only ${replaced.length} replacements were found`);
  for (const [, from, to, version] of replaced) assert.deepEqual([to, version], [from, staging]);
});

test('a version is read whether its requirement stands alone or in a block', () => {
  assert.equal(requiredVersion('require a.example/b v1.2.3\n', 'a.example/b'), 'v1.2.3');
  assert.equal(
    requiredVersion(
      'require (\n\ta.example/b/c v2.0.0\n\ta.example/b v1.2.3 // indirect\n)\n',
      'a.example/b',
    ),
    'v1.2.3',
  );
  assert.throws(() => requiredVersion('tool a.example/b\n', 'a.example/b'), /no version of a\.example\/b/);
});

test('the version that a program prints is the one that its module requires', () => {
  const files = { mod: 'require k8s.io/kubernetes v1.99.7\n', sum: '' };
  const text = buildArguments('kube-apiserver', files, '/out').join(' ');
  assert.match(text, /-X k8s\.io\/component-base\/version\.gitVersion=v1\.99\.7 /);
  assert.match(text, /version\.gitMinor=99 /);
  assert.match(text, /-o \/out k8s\.io\/kubernetes\/cmd\/kube-apiserver$/);
});

test('a program is built anew when a requirement, a checksum or the way of building changes', () => {
  const files = moduleFiles('etcd');
  const before = fingerprint('etcd', files);
  assert.equal(fingerprint('etcd', { ...files }), before);
  assert.notEqual(fingerprint('etcd', { ...files, mod: `${files.mod}\n` }), before);
  assert.notEqual(fingerprint('etcd', { ...files, sum: files.sum.slice(1) }), before);
  assert.notEqual(fingerprint('etcdctl', files), before);
});

test('a machine without Go, with one too old or with one that may not fetch another is told what to do', () => {
  const mod = 'module x\n\ngo 1.26.0\n';
  const said = (answer: Parameters<typeof judge>[0]): string => {
    const result = judge(answer, mod);
    return 'problem' in result ? result.problem : `fine: ${result.version}`;
  };
  const version = (stdout: string) => ({ code: 0, stdout, stderr: '' });
  assert.match(said(undefined), /no `go` on this machine: install Go 1\.26 or newer/);
  assert.match(said(version('go1.19.8\n')), /is 1\.19\.8, which is too old: install Go 1\.26/);
  assert.match(said(version('')), /no version but ""/);
  assert.match(
    said({
      code: 1,
      stdout: '',
      stderr: 'go.mod requires go >= 1.26.0 (running go 1.22.1; GOTOOLCHAIN=local)',
    }),
    /requires go >= 1\.26\.0 .*install Go 1\.26/,
  );
  assert.equal(said(version('go1.26.8\n')), 'fine: 1.26.8');
  assert.equal(said(version('go2.0\n')), 'fine: 2.0');
});

test('the Go that is needed is the one that the modules ask for', () => {
  for (const module of modules) assert.match(neededGo(moduleFiles(module).mod), /^1\.\d+$/);
});

test('programs are taken from another folder when one is named, and are missing where they are not', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-peers-'));
  const before = process.env['TIMONIER_PEERS'];
  t.after(() => {
    rmSync(folder, { recursive: true });
    if (before === undefined) delete process.env['TIMONIER_PEERS'];
    else process.env['TIMONIER_PEERS'] = before;
  });
  process.env['TIMONIER_PEERS'] = folder;
  writeFileSync(join(folder, 'etcd'), '');
  assert.deepEqual(peer('etcd'), { file: join(folder, 'etcd') });
  assert.deepEqual(peer('kubectl'), { missing: `kubectl is not in ${folder} (TIMONIER_PEERS)` });
  assert.throws(() => peerFile('kubectl'), /TIMONIER_PEERS/);
});

test('a program that is a test of upstream is made as Go makes tests, of all that its tests need', () => {
  const files = moduleFiles('kubernetes');
  assert.deepEqual(buildArguments('e2e.test', files, '/out').slice(0, 2), ['test', '-c']);
  assert.deepEqual(buildArguments('kubectl', files, '/out').slice(0, 2), ['build', '-v']);
  assert.ok(listArguments('e2e.test').includes('-test'));
  assert.ok(!listArguments('kubectl').includes('-test'));
});

test('a program for images without a C library is built without one', () => {
  assert.deepEqual(buildEnvironment('agnhost'), { CGO_ENABLED: '0' });
  assert.deepEqual(buildEnvironment('kubectl'), {});
});

test('what only upstream’s own suite needs is built when it is named', () => {
  assert.ok(usualNames.includes('kube-apiserver'));
  for (const name of ['e2e.test', 'agnhost', 'sample-apiserver'] as const) {
    assert.ok(!usualNames.includes(name));
    assert.ok(programNames.includes(name));
  }
});
