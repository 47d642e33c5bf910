import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CriError, criStatus } from '@timonier/grpc/cri';
import { BlobStore, sha256 } from './blobs.ts';
import { RegistryRepository } from './registry.ts';

async function withRegistry(
  answer: (request: IncomingMessage, response: ServerResponse, origin: string) => void,
  use: (base: URL, blobs: BlobStore, folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'timonier-registry-'));
  let origin = '';
  const server = createServer((request, response) => answer(request, response, origin));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const blobs = new BlobStore(folder);
  await blobs.prepare();
  try {
    await use(new URL(origin), blobs, folder);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  }
}

const content = Buffer.alloc(300_000, 'timonier ');
const descriptor = { mediaType: '', digest: sha256(content), size: content.length };
const signal = new AbortController().signal;

test('a broken transfer is continued where it broke, also when the registry starts over', async () => {
  for (const honoursRange of [true, false]) {
    const ranges: (string | undefined)[] = [];
    await withRegistry(
      (request, response) => {
        const { range } = request.headers;
        ranges.push(range);
        const offset = honoursRange ? Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0) : 0;
        response.writeHead(offset > 0 ? 206 : 200, { 'content-length': content.length - offset });
        if (ranges.length > 1) response.end(content.subarray(offset));
        else response.write(content.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
      },
      async (base, blobs) => {
        const repository = new RegistryRepository(base, 'app', undefined);
        await blobs.fetch(descriptor, repository.blob(descriptor.digest), signal);
        assert.deepEqual(await blobs.read(descriptor.digest), content);
        assert.equal(ranges.length, 2);
        assert.match(ranges[1] ?? '', /^bytes=\d+-$/);
      },
    );
  }
});

test('content that is not what its digest names is refused and leaves nothing', async () => {
  await withRegistry(
    (_request, response) => response.end(Buffer.alloc(content.length, 'x')),
    async (base, blobs) => {
      const repository = new RegistryRepository(base, 'app', undefined);
      await assert.rejects(
        blobs.fetch(descriptor, repository.blob(descriptor.digest), signal),
        (error) => error instanceof CriError && error.code === criStatus.DATA_LOSS,
      );
      assert.deepEqual(await blobs.usedBytes(), { bytes: 0, files: 0 });
    },
  );
});

test('a token is fetched with the password, and the password goes nowhere else', async () => {
  const seen: [string, string | undefined][] = [];
  const manifest = Buffer.from('{}');
  await withRegistry(
    (request, response, origin) => {
      const { authorization } = request.headers;
      seen.push([request.url ?? '', authorization]);
      if (request.url?.startsWith('/token') === true) response.end(JSON.stringify({ token: 'ticket' }));
      else if (authorization === 'Bearer ticket') response.end(manifest);
      else {
        response.writeHead(401, {
          'www-authenticate': `Bearer realm="${origin}/token",service="s",scope="repository:app:pull"`,
        });
        response.end();
      }
    },
    async (base) => {
      const repository = new RegistryRepository(base, 'app', {
        username: 'me',
        password: 'secret',
        registryToken: '',
      });
      assert.equal((await repository.manifest('v1', signal)).digest, sha256(manifest));
    },
  );
  const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;
  assert.deepEqual(seen, [
    ['/v2/app/manifests/v1', undefined],
    ['/token?service=s&scope=repository%3Aapp%3Apull', basic],
    ['/v2/app/manifests/v1', 'Bearer ticket'],
  ]);
});

test('a refusal names the registry’s reason and its code, and a dead registry is unavailable', async () => {
  await withRegistry(
    (_request, response) => {
      response.writeHead(404);
      response.end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
    },
    async (base) => {
      const repository = new RegistryRepository(base, 'app', undefined);
      await assert.rejects(
        repository.manifest('v9', signal),
        (error) =>
          error instanceof CriError &&
          error.code === criStatus.NOT_FOUND &&
          /manifest unknown/.test(error.details),
      );
    },
  );
  const dead = new RegistryRepository(new URL('http://127.0.0.1:1'), 'app', undefined);
  await assert.rejects(
    dead.manifest('v1', signal),
    (error) => error instanceof CriError && error.code === criStatus.UNAVAILABLE,
  );
});
