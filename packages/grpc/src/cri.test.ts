import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  addService,
  connectCri,
  CriError,
  criImageService,
  criRuntimeService,
  criStatus,
  type ImageServiceHandlers,
  type RuntimeServiceHandlers,
} from './cri.ts';
import { GrpcServer } from './server.ts';

/** Answers UNIMPLEMENTED to everything but what a test hands in. */
function handlers<T extends object>(given: Partial<T>): T {
  return new Proxy(given, {
    get: (target, name) =>
      Reflect.get(target, name) ??
      (async () => {
        throw new CriError(criStatus.UNIMPLEMENTED, `${String(name)} is not here`);
      }),
  }) as T;
}

async function withServer(
  runtime: Partial<RuntimeServiceHandlers>,
  use: (client: ReturnType<typeof connectCri>) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'cri-client-'));
  const endpoint = `unix:${folder}/cri.sock`;
  const server = new GrpcServer();
  addService(server, criRuntimeService, handlers<RuntimeServiceHandlers>(runtime));
  addService(server, criImageService, handlers<ImageServiceHandlers>({}));
  await server.listen(endpoint);
  const client = connectCri(endpoint);
  try {
    await use(client);
  } finally {
    client.close();
    await server.shutdown(100);
    rmSync(folder, { recursive: true });
  }
}

test('a request arrives with every scalar, list and map filled in and absent messages absent', async () => {
  let seen: unknown;
  const runtime: Partial<RuntimeServiceHandlers> = {
    RunPodSandbox: async (request) => {
      seen = request;
      return { podSandboxId: 'abc' };
    },
  };
  await withServer(runtime, async ({ runtime }) => {
    const answer = await runtime.RunPodSandbox({
      config: { metadata: { name: 'web', attempt: 2 }, dnsConfig: { servers: ['10.96.0.10'] } },
    });
    assert.deepEqual(answer, { podSandboxId: 'abc' });
  });
  assert.deepEqual(JSON.parse(JSON.stringify(seen)), {
    runtimeHandler: '',
    config: {
      metadata: { name: 'web', uid: '', namespace: '', attempt: 2 },
      hostname: '',
      logDirectory: '',
      dnsConfig: { servers: ['10.96.0.10'], searches: [], options: [] },
      portMappings: [],
      labels: {},
      annotations: {},
    },
  });
});

test('an error keeps its code and text, and a stream ends with the caller’s signal', async () => {
  const released = Promise.withResolvers<void>();
  const runtime: Partial<RuntimeServiceHandlers> = {
    GetContainerEvents: async function* (_request, { signal }) {
      yield {
        containerId: 'c1',
        containerEventType: 'CONTAINER_STOPPED_EVENT',
        createdAt: 1_700_000_000_000_000_000,
      };
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      released.resolve();
    },
  };
  await withServer(runtime, async ({ runtime, images }) => {
    await assert.rejects(
      images.PullImage({ image: { image: 'x' } }),
      (error) =>
        error instanceof CriError &&
        error.code === criStatus.UNIMPLEMENTED &&
        error.details === 'PullImage is not here',
    );
    const stop = new AbortController();
    for await (const event of runtime.GetContainerEvents({}, { signal: stop.signal })) {
      assert.equal(event.containerEventType, 'CONTAINER_STOPPED_EVENT');
      assert.equal(event.createdAt, 1_700_000_000_000_000_000);
      stop.abort();
    }
    await released.promise;
  });
});
