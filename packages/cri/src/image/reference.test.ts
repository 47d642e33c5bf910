import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choosePlatform } from './manifest.ts';
import { chainIds } from './images.ts';
import { parseReference, taggedName } from './reference.ts';
import { parseChallenge } from './registry.ts';
import { registryEndpoints } from './registry-config.ts';

test('short names get the registry, folder and tag they mean', () => {
  const cases: Record<string, string> = {
    busybox: 'docker.io/library/busybox:latest',
    'team/app:1.2': 'docker.io/team/app:1.2',
    'localhost/app': 'localhost/app:latest',
    'registry:5000/app': 'registry:5000/app:latest',
    'timonier.local/demo:latest': 'timonier.local/demo:latest',
    'r.example/a/b/c:v1': 'r.example/a/b/c:v1',
  };
  for (const [given, full] of Object.entries(cases)) assert.equal(taggedName(parseReference(given)), full);
  const digest = `sha256:${'a'.repeat(64)}`;
  assert.deepEqual(parseReference(`r.example/app@${digest}`), {
    registry: 'r.example',
    repository: 'app',
    tag: undefined,
    digest,
  });
});

test('what is no name is refused with the name in the message', () => {
  for (const bad of [
    '',
    'UPPER',
    'a b',
    'app:',
    'app@sha256:12',
    '../etc/passwd',
    'r.example/',
    'a//b',
    'r.example/../x',
  ]) {
    assert.throws(
      () => parseReference(bad),
      (error: Error) => error.message.includes(`"${bad}"`),
      bad,
    );
  }
});

test('loopback and insecure registries are plain HTTP, mirrors come first, the rest is HTTPS', () => {
  const config = {
    registries: { 'r.example': { mirrors: ['http://10.0.0.1:5000'] }, 'old.example': { insecure: true } },
  };
  const urls = (registry: string) => registryEndpoints(registry, config).map((url) => url.origin);
  assert.deepEqual(urls('r.example'), ['http://10.0.0.1:5000', 'https://r.example']);
  assert.deepEqual(urls('old.example'), ['http://old.example']);
  assert.deepEqual(urls('127.0.0.1:5000'), ['http://127.0.0.1:5000']);
  assert.deepEqual(urls('127.0.0.1.evil.example'), ['https://127.0.0.1.evil.example']);
  assert.deepEqual(urls('docker.io'), ['https://registry-1.docker.io']);
});

test('the platform of the machine is chosen, and its absence says what there is', () => {
  const entry = (architecture: string) => ({
    mediaType: '',
    digest: architecture,
    size: 1,
    platform: { os: 'linux', architecture },
  });
  assert.equal(choosePlatform([entry('arm64'), entry('amd64')], 'amd64').digest, 'amd64');
  assert.throws(
    () => choosePlatform([entry('arm64')], 'amd64'),
    /no image for linux\/amd64; there is linux\/arm64/,
  );
});

test('a challenge’s quoted parameters may hold commas', () => {
  const { scheme, parameters } = parseChallenge(
    'Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"',
  );
  assert.equal(scheme, 'bearer');
  assert.deepEqual(Object.fromEntries(parameters), {
    realm: 'https://a/t',
    service: 's',
    scope: 'repository:x:pull,push',
  });
});

test('chain IDs follow the image specification', () => {
  const [first, second] = chainIds(['sha256:a', 'sha256:b']);
  assert.equal(first, 'sha256:a');
  // printf 'sha256:a sha256:b' | sha256sum
  assert.match(second ?? '', /^sha256:[0-9a-f]{64}$/);
});
