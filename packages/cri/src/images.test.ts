/** Where images come from, and what is none. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { criStatus, CriError } from '@timonier/grpc/cri';
import { testPort } from '@timonier/linux/test-ports';
import { buildImage, busyboxFiles } from '../../../deploy/images/demo.ts';
import { importImage } from './import-service.ts';
import { until } from './testing/host.ts';
import { sharedHost } from './testing/shared-host.ts';

const shared = sharedHost();
const { skip, container, exited, run, shell } = shared;

test('an image is pulled from a registry, verified, shared and removed', { skip }, async () => {
  const port = await testPort();
  const data = join(shared.host.folder, 'registry');
  mkdirSync(data);
  const config = join(shared.host.folder, 'registry.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${data}}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
  );
  const registry = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  try {
    const archive = join(shared.host.folder, 'pull.tar');
    const files = await busyboxFiles();
    await buildImage(archive, {
      name: 'pull:latest',
      layers: [
        files,
        [{ path: 'marker', content: 'upper' }, { path: 'bin/.wh.vi' }, { path: 'root/.wh..wh..opq' }],
      ],
      config: { Cmd: ['/bin/cat', '/marker'], User: 'demo' },
    });
    const name = `127.0.0.1:${port}/team/pull:v1`;
    await until('the registry listens', async () => (await fetch(`http://127.0.0.1:${port}/v2/`)).ok);
    execFileSync('skopeo', [
      'copy',
      '--quiet',
      '--dest-tls-verify=false',
      `oci-archive:${archive}`,
      `docker://${name}`,
    ]);
    const { imageRef } = await shared.host.cri.images.PullImage({ image: { image: name } });
    assert.match(imageRef, new RegExp(`^127.0.0.1:${port}/team/pull@sha256:[0-9a-f]{64}$`));
    const { image } = await shared.host.cri.images.ImageStatus({ image: { image: name } });
    assert.deepEqual([image?.repoTags, image?.repoDigests, image?.username], [[name], [imageRef], 'demo']);
    const id = await shared.host.sandbox('pulled');
    const main = await container(id, { image: { image: imageRef } });
    assert.equal((await exited(main)).exitCode, 0);
    assert.match(readFileSync(join(shared.host.logs, 'pulled/main.log'), 'utf8'), /stdout [FP] upper/);
    const second = await container(id, {
      image: { image: imageRef },
      metadata: { name: 'ls' },
      ...shell('sleep 1000'),
    });
    assert.equal(await run(second, 'ls /bin/vi 2>/dev/null || echo hidden'), 'hidden');
    await assert.rejects(
      shared.host.cri.images.RemoveImage({ image: { image: name } }),
      (error) => error instanceof CriError && error.code === criStatus.FAILED_PRECONDITION,
    );
    await shared.host.cri.runtime.RemovePodSandbox({ podSandboxId: id });
    const before = (await shared.host.cri.images.ImageFsInfo({})).imageFilesystems[0]?.usedBytes?.value ?? 0;
    await shared.host.cri.images.RemoveImage({ image: { image: name } });
    await shared.host.cri.images.RemoveImage({ image: { image: name } });
    assert.equal((await shared.host.cri.images.ImageStatus({ image: { image: name } })).image, undefined);
    const left = (await shared.host.cri.images.ImageFsInfo({})).imageFilesystems[0]?.usedBytes?.value ?? 0;
    assert.ok(left < before);
    await assert.rejects(
      shared.host.cri.images.PullImage({ image: { image: `127.0.0.1:${port}/team/nothing` } }),
      (error) => error instanceof CriError && error.code === criStatus.NOT_FOUND,
    );
    await assert.rejects(
      shared.host.cri.images.PullImage({ image: { image: 'Not A Name' } }),
      (error) => error instanceof CriError && error.code === criStatus.INVALID_ARGUMENT,
    );
  } finally {
    registry.kill();
  }
});

test(
  'an archive of docker is taken like one of OCI, and one that is neither is refused',
  { skip },
  async () => {
    const oci = join(shared.host.folder, 'oci.tar');
    const docker = join(shared.host.folder, 'docker.tar');
    const layers = [await busyboxFiles(), [{ path: 'marker', content: 'from docker' }]];
    await buildImage(oci, { name: 'as-oci:latest', layers, config: { Cmd: ['/bin/cat', '/marker'] } });
    const name = 'example.com/team/docker:v1';
    execFileSync('skopeo', ['copy', '--quiet', `oci-archive:${oci}`, `docker-archive:${docker}:${name}`]);
    assert.deepEqual((await importImage(shared.host.socket, docker))[0]?.tags, [name]);
    const id = await shared.host.sandbox('from-docker');
    const main = await container(id, { image: { image: name } });
    assert.equal((await exited(main)).exitCode, 0);
    assert.match(
      readFileSync(join(shared.host.logs, 'from-docker/main.log'), 'utf8'),
      /stdout [FP] from docker/,
    );
    await shared.host.cri.runtime.RemovePodSandbox({ podSandboxId: id });
    const neither = join(shared.host.folder, 'neither.tar');
    execFileSync('tar', ['-cf', neither, '-C', shared.host.folder, 'oci.tar']);
    await assert.rejects(importImage(shared.host.socket, neither), /is no image archive: it has neither/);
  },
);

test('importing what is no image, or into no runtime, says what to do', { skip }, async () => {
  const junk = join(shared.host.folder, 'junk.tar');
  writeFileSync(junk, 'not a tar');
  await assert.rejects(importImage(shared.host.socket, junk), /junk.tar/);
  await assert.rejects(
    importImage(shared.host.socket, '/no/such/file'),
    /^Error: no such file: \/no\/such\/file$/,
  );
  await assert.rejects(
    importImage(join(shared.host.folder, 'none.sock'), junk),
    /no container runtime answers on .*--socket/,
  );
});
